import Foundation
import GRDB
import ProbeCore
import ProbeStore
import Support
import Testing

@Suite struct StoreFileTests {
  private func refusal(_ body: () throws -> Void) -> StoreError? {
    do { try body() } catch { return error as? StoreError }
    return nil
  }

  @Test func `a new store is durable, in WAL, of large pages, and its owner's`() throws {
    let test = try TestStore()
    let mode = try FileManager.default.attributesOfItem(atPath: test.path)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    let journal = try DatabaseQueue(path: test.path).read {
      try String.fetchOne($0, sql: "PRAGMA journal_mode")
    }
    #expect(journal == "wal")
    #expect(try test.number("PRAGMA page_size") == 8192)
    #expect(try test.number("PRAGMA user_version") == 4)
    #expect(try test.store.synchronous() == 2)
  }

  @Test func `what is no store is refused with its reason`() throws {
    let folder = try TemporaryFolder()
    let text = folder.file("notes.txt")
    try Data("these are notes, not a database".utf8).write(to: URL(filePath: text))
    let foreign = folder.file("foreign.sqlite")
    try DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE t (x)") }
    let cases = [
      (folder.path, "it is a folder"), (text, "it is not a SQLite database"),
      (foreign, "it is a SQLite database of another program"),
      (folder.file("no/such/store.sqlite"), "there is no folder \(folder.file("no/such"))"),
      ("/dev/full", "it is no regular file"),
    ]
    for (path, reason) in cases {
      let error = refusal { _ = try Store.openForWriting(at: path) }
      #expect(error?.description == "cannot open the store \(path): \(reason)")
    }
    let missing = refusal { _ = try Store.openForReading(at: folder.file("none.sqlite")) }
    #expect(missing?.kind == .noStore && missing?.reason == "there is no such file")
    #expect(!FileManager.default.fileExists(atPath: folder.file("none.sqlite")))
    #expect(try Data(contentsOf: URL(filePath: text)).count == 31)
  }

  @Test func `a newer store is refused and both versions are named`() throws {
    let test = try TestStore()
    try DatabaseQueue(path: test.path).write { try $0.execute(sql: "PRAGMA user_version = 9") }
    for isWriter in [true, false] {
      let error = refusal {
        _ =
          try isWriter
          ? Store.openForWriting(at: test.path) : Store.openForReading(at: test.path)
      }
      #expect(error?.reason == "its schema is 9, newer than the 4 of this program")
      #expect(error?.hint == "install a newer resnet-probe")
    }
  }

  /// The next schema, as an upgrade and as a whole.
  private let next = Schema(
    sql: Schema.current.sql.replacing("PRAGMA user_version = 4;", with: "PRAGMA user_version = 5;")
      + "\nCREATE TABLE remark (id INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT;",
    version: 5,
    upgrades: [4: "CREATE TABLE remark (id INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT;"])

  @Test func `an older store is upgraded to what a fresh one is, and keeps its rows`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch([.frame(Golden.frame(step: 0, gap: 0.5))]))
    let reading = refusal { _ = try Store.openForReading(at: test.path, schema: next) }
    #expect(reading?.reason == "its schema is 4, this program reads 5")
    let upgraded = try Store.openForWriting(at: test.path, schema: next)
    let fresh = try Store.openForWriting(at: test.folder.file("fresh.sqlite"), schema: next)
    let objects = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    func dump(_ path: String) throws -> [Row] {
      try DatabaseQueue(path: path).read { try Row.fetchAll($0, sql: objects) }
    }
    #expect(try dump(upgraded.path) == dump(fresh.path))
    #expect(try upgraded.run(1)?.frames == 1)
  }

  @Test func `an upgrade that fails leaves the store as it was`() throws {
    let test = try TestStore()
    let broken = Schema(
      sql: next.sql, version: 5,
      upgrades: [4: "CREATE TABLE half (x) STRICT; CREATE TABLE run (x INT) STRICT;"])
    #expect(throws: StoreError.self) { try Store.openForWriting(at: test.path, schema: broken) }
    #expect(try test.number("PRAGMA user_version") == 4)
    #expect(try test.number("SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0)
  }

  @Test func `a store that another process holds locked says so`() throws {
    let test = try TestStore()
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: test.path, configuration: configuration)
    try other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    var journal = TestJournal()
    let batch = journal.batch([])
    let error = refusal { _ = try test.store.append(batch) }
    #expect(error?.reason == "another process holds it locked")
    try other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
  }

  @Test func `a lock has one holder and is free when it ends`() throws {
    let folder = try TemporaryFolder()
    func isHeld() throws -> Bool {
      if case .held = try StoreLock.tryLock(folder.file("lock")) { return true }
      return false
    }
    do {
      let outcome = try StoreLock.tryLock(folder.file("lock"))
      guard case .held(let lock) = consume outcome else {
        Issue.record("a free lock was not given")
        return
      }
      #expect(try !isHeld())
      if case .busy(let holder) = try StoreLock.tryLock(folder.file("lock")) {
        #expect(holder == Int(getpid()))
      }
      _ = consume lock
    }
    #expect(try isHeld())
  }

  @Test func `network file systems are known by the longest mount point`() {
    let table = [
      "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
      "30 22 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw",
      "31 30 8:2 / /home/me/local\\040disk rw - xfs /dev/sdb1 rw",
    ]
    #expect(NetworkFileSystem.kind(of: "/home/me", mountTable: table) == "nfs4")
    #expect(NetworkFileSystem.kind(of: "/home/me/local disk/x", mountTable: table) == nil)
    #expect(NetworkFileSystem.kind(of: "/homestead", mountTable: table) == nil)
  }
}
