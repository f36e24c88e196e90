import GRDB

/// Whether a store's tables and views are what its schema makes: names, columns, types, STRICT.
///
/// Rows are decoded by those types, and a value of another one ends the program. What users add is
/// theirs: tables, views, indexes, columns that may stay empty. A table whose text is the schema's
/// costs the comparison of two texts, 0.2 ms for all of them; one that an upgrade or a user changed is
/// compared column by column with the schema's, both made in memory.
struct SchemaCheck {
  private let schema: Schema

  init(_ schema: Schema) { self.schema = schema }

  /// What is wrong with the first table or view that is not as it should be; nil where all are.
  func problem(_ db: Database) throws -> String? {
    // Whoever edits sqlite_master by hand may leave anything in it.
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT CAST(name AS TEXT), type = 'view', coalesce(CAST(sql AS TEXT), '') FROM sqlite_master
        WHERE type IN ('table', 'view') AND name IS NOT NULL
        """)
    let found = Dictionary(
      rows.map { ($0[0] as String, (isView: $0[1] as Bool, sql: $0[2] as String)) },
      uniquingKeysWith: { first, _ in first })
    var others: [(part: SchemaPart, sql: String)] = []
    for part in SchemaPart.parts(of: schema.sql) {
      guard let object = found[part.name], object.isView == part.isView else {
        return "it has no \(part.words)"
      }
      // SQLite keeps a statement as it was written, up to its semicolon.
      let isVerbatim = !object.sql.isEmpty && part.statement.hasPrefix(object.sql + ";")
      if !isVerbatim { others.append((part, object.sql)) }
    }
    return try others.isEmpty ? nil : problem(with: others, db)
  }

  private func problem(
    with others: [(part: SchemaPart, sql: String)], _ db: Database
  ) throws -> String? {
    // A view's columns follow from the tables under it.
    let hasView = others.contains { $0.part.isView }
    let sql = hasView ? schema.sql : others.map(\.part.text).joined(separator: "\n")
    let model = try DatabaseQueue().inDatabase { model in
      try model.execute(sql: sql)
      return try others.map { try TableShape($0.part.name, model) }
    }
    for ((part, sql), expected) in zip(others, model) {
      do {
        let shape = try part.isView ? TableShape(part.name, db) : Self.shape(of: part.name, sql)
        guard let difference = shape.difference(from: expected, isView: part.isView) else {
          continue
        }
        return "its \(part.words) is not as this program makes it: \(difference)"
      } catch let error as DatabaseError {
        return "its \(part.words) cannot be read (\(error.message ?? "SQLite error"))"
      }
    }
    return nil
  }

  /// The shape of a table by the statement that made it.
  ///
  /// Made once more, in memory: asked of the store itself SQLite resolves all views first, which is slow. A
  /// statement that goes on after its end is an error, so that nothing else is run.
  private static func shape(of name: String, _ statement: String) throws -> TableShape {
    try DatabaseQueue().inDatabase { db in
      try db.makeStatement(sql: statement).execute()
      return try TableShape(name, db)
    }
  }
}

/// What SQLite says of a table's or a view's make.
private struct TableShape {
  private struct Column: Equatable {
    var type: String
    var isRequired: Bool
    var hasDefault: Bool
    var placeInKey: Int
    var isComputed: Bool
  }

  private let isStrict: Bool
  private let hasRowID: Bool
  private let columns: [(name: String, column: Column)]

  init(_ name: String, _ db: Database) throws {
    let table = try Row.fetchOne(
      db, sql: "SELECT strict, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?",
      arguments: [name])
    isStrict = table?[0] ?? false
    hasRowID = table?[1] == false
    columns = try Row.fetchAll(
      db,
      sql: """
        SELECT name, type, "notnull", dflt_value IS NOT NULL, pk, hidden <> 0
        FROM pragma_table_xinfo(?)
        """, arguments: [name]
    ).map {
      (
        $0[0],
        Column(
          type: $0[1], isRequired: $0[2], hasDefault: $0[3], placeInKey: $0[4], isComputed: $0[5])
      )
    }
  }

  /// The first thing that differs, in words; nil where nothing does.
  func difference(from expected: TableShape, isView: Bool) -> String? {
    if !isView {
      if isStrict != expected.isStrict { return "it is not STRICT" }
      if hasRowID != expected.hasRowID {
        return expected.hasRowID ? "it is WITHOUT ROWID" : "it is not WITHOUT ROWID"
      }
    }
    let found = Dictionary(columns.map { ($0.name, $0.column) }, uniquingKeysWith: { $1 })
    for (name, column) in expected.columns {
      guard let mine = found[name] else { return "it has no column \(name)" }
      guard !isView else { continue }
      if mine.type != column.type {
        return "column \(name) is \(mine.type), not \(column.type)"
      }
      if mine.isRequired != column.isRequired {
        return "column \(name) \(column.isRequired ? "may" : "must not") be NULL"
      }
      if mine.placeInKey != column.placeInKey { return "its primary key is another" }
      if mine.isComputed { return "column \(name) is computed" }
    }
    guard !isView else { return nil }
    let names = Set(expected.columns.map(\.name))
    for (name, column) in columns
    where !names.contains(name) && column.isRequired && !column.hasDefault {
      return "column \(name), which is not this program's, must not be NULL"
    }
    return nil
  }
}
