import GRDBSQLite
public import ProbeCore

/// A user's own SQL on a store, read-only in three ways: a read-only connection, an authorizer that
/// lets through nothing but reading, and SQLite's own word that the statement writes nothing.
///
/// On a bare handle: replacing the authorizer that GRDB installs traps when a task is cancelled.
public struct GuardedQuery: ~Copyable {
  private let connection: OpaquePointer
  private let statement: OpaquePointer
  private let path: String
  /// The names of the result's columns.
  public let columns: [String]

  /// Opens the store and prepares one statement.
  ///
  /// - Throws: ``StoreError``, of kind ``StoreError/Kind/refused`` for SQL that is wrong, writes,
  ///   attaches or is more than one statement.
  public init(_ sql: String, onStoreAt path: String) throws(StoreError) {
    // Opening it as every reader does checks that it is a store of this version.
    _ = try Store.openForReading(at: path)
    let connection = try Self.open(path)
    do throws(StoreError) {
      statement = try Self.prepare(sql, connection, path)
    } catch {
      sqlite3_close(connection)
      throw error
    }
    self.connection = connection
    self.path = path
    columns = Self.columns(of: statement)
  }

  deinit {
    sqlite3_finalize(statement)
    sqlite3_close(connection)
  }

  /// The next row; nil after the last.
  public mutating func next() throws(StoreError) -> [Cell]? {
    switch sqlite3_step(statement) {
    case SQLITE_ROW:
      return (0..<CInt(columns.count)).map { cell($0) }
    case SQLITE_DONE: return nil
    default:
      throw StoreError(
        .failed, action: "query the store", subject: path, reason: Self.message(connection))
    }
  }

  private func cell(_ place: CInt) -> Cell {
    switch sqlite3_column_type(statement, place) {
    case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, place))
    case SQLITE_FLOAT: .real(sqlite3_column_double(statement, place))
    case SQLITE_TEXT:
      .text(String(decoding: bytes(sqlite3_column_text(statement, place), place), as: UTF8.self))
    case SQLITE_BLOB: .blob(Array(bytes(sqlite3_column_blob(statement, place), place)))
    default: .null
    }
  }

  private func bytes(_ start: UnsafeRawPointer?, _ place: CInt) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, place)))
  }

  private static func open(_ path: String) throws(StoreError) -> OpaquePointer {
    var connection: OpaquePointer?
    let flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI
    guard sqlite3_open_v2(StoreFile.pathForReading(path), &connection, flags, nil) == SQLITE_OK,
      let connection
    else {
      let reason = connection.map(message) ?? "out of memory"
      sqlite3_close(connection)
      throw StoreError(.failed, action: "query the store", subject: path, reason: reason)
    }
    sqlite3_busy_timeout(connection, 5_000)
    sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, 64 << 20)
    sqlite3_limit(connection, SQLITE_LIMIT_SQL_LENGTH, 1 << 20)
    sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0)
    sqlite3_exec(connection, "PRAGMA trusted_schema = OFF", nil, nil, nil)
    sqlite3_set_authorizer(
      connection,
      { _, action, first, second, _, _ in
        Self.allows(action, first, second) ? SQLITE_OK : SQLITE_DENY
      }, nil)
    return connection
  }

  private static func prepare(
    _ sql: String, _ connection: OpaquePointer, _ path: String
  ) throws(StoreError) -> OpaquePointer {
    func refuse(_ reason: String, _ hint: String) -> StoreError {
      StoreError(.refused, action: "run this SQL on", subject: path, reason: reason, hint: hint)
    }
    var statement: OpaquePointer?
    var rest = ""
    let code = sql.withCString { text in
      var tail: UnsafePointer<CChar>?
      let code = sqlite3_prepare_v2(connection, text, -1, &statement, &tail)
      rest = tail.map { String(cString: $0) } ?? ""
      return code
    }
    let readOnly = "the store is only read here: SELECT, EXPLAIN, WITH and PRAGMAs that ask"
    guard code == SQLITE_OK else {
      // SQLite says so by its code or, for functions and PRAGMAs, only by its words.
      let isDenied = code & 0xFF == SQLITE_AUTH || message(connection).hasPrefix("not authorized")
      throw refuse(
        isDenied ? "it does more than read" : message(connection),
        isDenied ? readOnly : "`resnet-probe schema` prints tables and views")
    }
    guard let statement else { throw refuse("there is no statement in it", "write a SELECT") }
    let isSingle = isBlank(rest, connection)
    guard isSingle, sqlite3_stmt_readonly(statement) != 0 else {
      sqlite3_finalize(statement)
      throw isSingle
        ? refuse("it does more than read", readOnly)
        : refuse("it is more than one statement", "run them one by one")
    }
    return statement
  }

  /// Whether nothing but space, semicolons and comments is left: SQLite prepares those to no statement.
  private static func isBlank(_ sql: String, _ connection: OpaquePointer) -> Bool {
    var rest = sql
    while !rest.isEmpty {
      var statement: OpaquePointer?
      var next = ""
      let code = rest.withCString { text in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v2(connection, text, -1, &statement, &tail)
        next = tail.map { String(cString: $0) } ?? ""
        return code
      }
      defer { sqlite3_finalize(statement) }
      guard code == SQLITE_OK, statement == nil else { return false }
      if next == rest { return true }
      rest = next
    }
    return true
  }

  /// PRAGMAs that only ask, and whether they may take an argument (a table's name, a count).
  private static let pragmas: [String: Bool] = [
    "table_info": true, "table_xinfo": true, "table_list": true, "index_list": true,
    "index_info": true, "index_xinfo": true, "foreign_key_list": true, "foreign_key_check": true,
    "integrity_check": true, "quick_check": true, "user_version": false, "application_id": false,
    "schema_version": false, "page_count": false, "page_size": false, "freelist_count": false,
    "encoding": false, "compile_options": false, "database_list": false,
    "data_version": false, "function_list": false, "collation_list": false,
  ]

  private static func allows(
    _ action: CInt, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?
  ) -> Bool {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: true
    // A table-valued function (json_each, pragma_table_info) declares its columns as a table; a
    // statement that makes a real one is not read-only and is refused for that.
    case SQLITE_CREATE_TABLE: true
    case SQLITE_INSERT, SQLITE_UPDATE: first.map { String(cString: $0) } == "sqlite_master"
    case SQLITE_FUNCTION:
      !["load_extension", "fts3_tokenizer"].contains(second.map { String(cString: $0) } ?? "")
    case SQLITE_PRAGMA:
      pragmas[first.map { String(cString: $0) } ?? ""].map { $0 || second == nil } ?? false
    default: false
    }
  }

  private static func columns(of statement: OpaquePointer) -> [String] {
    (0..<sqlite3_column_count(statement)).map {
      sqlite3_column_name(statement, $0).map { String(cString: $0) } ?? ""
    }
  }

  private static func message(_ connection: OpaquePointer) -> String {
    sqlite3_errmsg(connection).map { String(cString: $0) } ?? "unknown error"
  }
}
