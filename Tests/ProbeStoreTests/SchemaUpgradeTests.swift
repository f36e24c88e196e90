import Foundation
import GRDB
import ProbeCore
import ProbeStore
import Support
import Testing

/// Stores of older versions, kept as they were, against what `schema.sql` makes today.
@Suite struct SchemaUpgradeTests {
  /// A store of an old version in a folder of its own.
  private func stored(_ fixture: String, in folder: TemporaryFolder) throws -> String {
    let path = folder.file("old.sqlite")
    let sql = String(decoding: try Fixtures.bytes(fixture), as: UTF8.self)
    let queue = try DatabaseQueue(path: path)
    // The dump brings its own transaction.
    try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
    try queue.close()
    return path
  }

  /// Everything that a schema has but the comments: tables with their columns and keys, indexes, views.
  private func shape(_ path: String) throws -> [String] {
    try DatabaseQueue(path: path).read { db in
      let objects = try Row.fetchAll(
        db,
        sql: """
          SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name
          """)
      return try objects.flatMap { object in
        let (type, name) = (object[0] as String, object[1] as String)
        guard type == "table" else {
          return ["\(type) \(name): \(plain(object[2]))"]
        }
        let columns = try Row.fetchAll(db, sql: "PRAGMA table_xinfo(\(name))").map {
          "\(name): \($0)"
        }
        let keys = try Row.fetchAll(db, sql: "PRAGMA foreign_key_list(\(name))").map {
          "\(name): \($0)"
        }
        let indexes = try Row.fetchAll(db, sql: "PRAGMA index_list(\(name))").map {
          "\(name): \($0)"
        }
        let list = try Row.fetchAll(db, sql: "PRAGMA table_list(\(name))").map { "\($0)" }
        return columns + keys + indexes + list
      }
    }
  }

  private func views(_ path: String) throws -> [Row] {
    try DatabaseQueue(path: path).read { db in
      try Row.fetchAll(
        db, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY name")
    }
  }

  /// A statement without its comments, its spaces evened out.
  private func plain(_ sql: String) -> String {
    sql.split(separator: "\n").map {
      $0.prefix(upTo: $0.firstRange(of: "--")?.lowerBound ?? $0.endIndex)
    }
    .joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test(arguments: ["version-1.sql", "version-2.sql", "version-3.sql"])
  func `a store of an older version becomes what a new one is, and its rows stay`(
    fixture: String
  ) throws {
    let folder = try TemporaryFolder()
    let path = try stored(fixture, in: folder)
    func number(_ sql: String) throws -> Int? {
      try DatabaseQueue(path: path).read { try Int.fetchOne($0, sql: sql) }
    }
    let rows = try ["frame", "block_statistics", "verdict", "metric"].map {
      try number("SELECT count(*) FROM \($0)")
    }
    #expect(rows == [3, 6, 2, 4])
    let upgraded = try Store.openForWriting(at: path)
    let fresh = try Store.openForWriting(at: folder.file("fresh.sqlite"))
    #expect(try shape(path) == shape(fresh.path))
    // Views to the letter: with their comments, and checked by their text alone.
    #expect(try views(path) == views(fresh.path))
    #expect(
      try ["frame", "block_statistics", "verdict", "metric"].map {
        try number("SELECT count(*) FROM \($0)")
      } == rows)
    #expect(try number("PRAGMA user_version") == 4)
    #expect(try number("SELECT count(*) FROM pragma_foreign_key_check") == 0)
    #expect(try upgraded.run(1)?.frames == 3)
  }

  @Test func `after the upgrade every run is due, and findings see all of it`() throws {
    let folder = try TemporaryFolder()
    let store = try Store.openForWriting(at: try stored("version-1.sql", in: folder))
    #expect(try store.runsWithVerdictsDue() == [1])
    let changed = try store.keepFindings(ofRun: 1, windowSteps: 20) { _, block, steps, _ in
      BlockWindow(ordinal: block.ordinal, steps: steps)
    }
    #expect(changed == 0...Int.max)
    #expect(
      try store.findings(ofRun: 1) == [
        NotedFinding(
          .nonFiniteSamples, ordinal: 1, firstStep: 0, noticedStep: 0, noticedAt: 1.75e9)
      ])
  }

  @Test func `after the upgrade what was examined is as it was`() throws {
    let folder = try TemporaryFolder()
    let store = try Store.openForWriting(at: try stored("version-3.sql", in: folder))
    let found = try #require(try store.ablations(ofRun: 1))
    #expect(found.examination.step == 199 && found.all.map(\.ordinals) == [[1]])
    #expect(found.similarities.isEmpty && found.reuse.isEmpty && found.orders.isEmpty)
  }

  @Test func `a reader of a store of version 1 is told what upgrades it`() throws {
    let folder = try TemporaryFolder()
    let path = try stored("version-1.sql", in: folder)
    let error = #expect(throws: StoreError.self) { try Store.openForReading(at: path) }
    #expect(error?.reason == "its schema is 1, this program reads 4")
  }
}
