import Foundation
import GRDB
import ProbeCore
import ProbeStore
import Support
import Testing

/// Stores whose tables are not the program's.
@Suite struct SchemaCheckTests {
  /// Why a store is refused after this SQL; nil where it is opened both ways.
  private func refusal(_ sql: String, of schema: Schema = .current) throws -> String? {
    let folder = try TemporaryFolder()
    let path = folder.file("probe.sqlite")
    _ = try Store.openForWriting(at: path, schema: schema)
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    try DatabaseQueue(path: path, configuration: configuration).write { try $0.execute(sql: sql) }
    var reasons: [String?] = []
    for isWriter in [true, false] {
      do {
        _ =
          try isWriter
          ? Store.openForWriting(at: path, schema: schema)
          : Store.openForReading(at: path, schema: schema)
        reasons.append(nil)
      } catch {
        #expect(
          error.hint
            == "the store was edited by hand; take the journals it came from into a new one")
        reasons.append(error.reason)
      }
    }
    #expect(reasons[0] == reasons[1])
    return reasons[0]
  }

  /// A small schema, so that tables are rebuilt in one line.
  private func small(_ table: String) -> Schema {
    Schema(
      sql: """
        PRAGMA application_id = 1380993585;
        PRAGMA user_version = 1;

        CREATE TABLE store (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, created_at REAL NOT NULL) STRICT;

        -- A table.
        CREATE TABLE \(table);

        CREATE VIEW sizes AS SELECT id, rank FROM item;
        """, version: 1, upgrades: [:])
  }

  private let item = "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER) STRICT"

  @Test(arguments: [
    ("item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER)", "it is not STRICT"),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank TEXT) STRICT",
      "column rank is TEXT, not INTEGER"
    ),
    (
      "item (id INTEGER PRIMARY KEY, name ANY NOT NULL, rank INTEGER) STRICT",
      "column name is ANY, not TEXT"
    ),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT, rank INTEGER) STRICT", "column name may be NULL"
    ),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER NOT NULL) STRICT",
      "column rank must not be NULL"
    ),
    (
      "item (id INTEGER, name TEXT NOT NULL, rank INTEGER) STRICT", "its primary key is another"
    ),
    ("item (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT", "it has no column rank"),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER AS (id) STORED) STRICT",
      "column rank is computed"
    ),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER) STRICT, WITHOUT ROWID",
      "it is WITHOUT ROWID"
    ),
    (
      "item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, rank INTEGER, more ANY NOT NULL) STRICT",
      "column more, which is not this program's, must not be NULL"
    ),
  ])
  func `a rebuilt table is refused by its name and the difference`(
    table: String, difference: String
  ) throws {
    #expect(
      try refusal("DROP TABLE item; CREATE TABLE \(table);", of: small(item))
        == "its table item is not as this program makes it: \(difference)")
  }

  @Test func `what is missing or another kind of thing is named`() throws {
    let schema = small(item)
    #expect(try refusal("DROP VIEW sizes", of: schema) == "it has no view sizes")
    #expect(
      try refusal("DROP TABLE item; CREATE VIEW item AS SELECT 1", of: schema)
        == "it has no table item")
    #expect(
      try refusal("DROP VIEW sizes; CREATE VIEW sizes AS SELECT id FROM item", of: schema)
        == "its view sizes is not as this program makes it: it has no column rank")
    #expect(
      try refusal("DROP VIEW sizes; CREATE VIEW sizes AS SELECT id, rank FROM gone", of: schema)
        == "its view sizes cannot be read (no such table: main.gone)")
  }

  @Test(arguments: [
    "CREATE TABLE mine (x); CREATE INDEX mine_by_x ON mine (x); CREATE VIEW ours AS SELECT 1 AS one",
    "CREATE INDEX item_by_rank ON item (rank)", "ALTER TABLE item ADD COLUMN note TEXT",
    "ALTER TABLE item ADD COLUMN flag INTEGER NOT NULL DEFAULT 0",
    "DROP VIEW sizes; CREATE VIEW sizes AS SELECT rank, id, name FROM item",
    "DROP TABLE item; CREATE TABLE item(rank INTEGER, name TEXT NOT NULL CHECK (name <> ''), id INTEGER PRIMARY KEY) STRICT",
  ])
  func `what users add, and another order or spacing, is theirs`(sql: String) throws {
    #expect(try refusal(sql, of: small(item)) == nil)
  }

  @Test func `the program's own store passes, and each of its tables is looked at`() throws {
    #expect(try refusal("") == nil)
    for name in SchemaText.names {
      let kind = SchemaText.views.contains(name) ? "VIEW" : "TABLE"
      #expect(
        try refusal("DROP \(kind) \(name)")?.hasPrefix("it has no \(kind.lowercased()) ") == true)
    }
  }

  @Test func `a statement that was forged in the schema is not run`() throws {
    let folder = try TemporaryFolder()
    let reason = try refusal(
      """
      PRAGMA writable_schema = ON;
      UPDATE sqlite_master SET sql = sql || '; ATTACH ''\(folder.file("made"))'' AS made; CREATE TABLE made.t (x)'
      WHERE name = 'journal';
      """)
    #expect(reason?.hasPrefix("its table journal cannot be read (") == true)
    #expect(access(folder.file("made"), F_OK) != 0)
  }

  @Test func `a table rebuilt without STRICT does not reach the rows`() throws {
    #expect(
      try refusal(
        """
        CREATE TABLE other AS SELECT * FROM journal;
        DROP TABLE journal;
        CREATE TABLE journal AS SELECT * FROM other;
        """) == "its table journal is not as this program makes it: it is not STRICT")
  }
}
