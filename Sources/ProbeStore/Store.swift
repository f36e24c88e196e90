import GRDB
import Glibc

/// One SQLite file of runs: the only place that speaks SQL.
///
/// A value that holds one connection; its methods may be called from any thread and queue up. Writers
/// hold ``StoreLock`` while they write; readers need no lock.
public struct Store: Sendable {
  /// Where the file is.
  public let path: String
  let queue: DatabaseQueue

  /// Opens a store for taking in journals; makes it where there is none.
  ///
  /// An older store is upgraded first. - Throws: ``StoreError``.
  public static func openForWriting(at path: String) throws(StoreError) -> Store {
    try openForWriting(at: path, schema: .current)
  }

  /// Refuses a path that can be no store, before anything is made of it.
  ///
  /// - Throws: ``StoreError``.
  public static func checkForWriting(_ path: String) throws(StoreError) {
    try StoreFile.check(path, action: "open the store", mustExist: false)
  }

  package static func openForWriting(at path: String, schema: Schema) throws(StoreError) -> Store {
    let action = "open the store"
    try StoreFile.check(path, action: action, mustExist: false)
    do {
      var configuration = common()
      configuration.journalMode = .wal
      configuration.prepareDatabase { db in
        try db.execute(sql: "PRAGMA page_size = 8192; PRAGMA trusted_schema = OFF")
      }
      // 0600 from the first moment: SQLite gives its side files the mode of the main one.
      let mask = umask(0o077)
      defer { umask(mask) }
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { db in
        // GRDB's WAL set-up chooses NORMAL, which may lose the last commits at power loss.
        try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")
        try schema.prepare(db, path: path)
      }
      return Store(path: path, queue: queue)
    } catch { throw StoreError.from(error, action: action, path: path) }
  }

  /// Opens a store for reading; a read-only file without side files opens as immutable.
  ///
  /// - Throws: ``StoreError``, of kind ``StoreError/Kind/noStore`` where there is no file.
  public static func openForReading(at path: String) throws(StoreError) -> Store {
    try openForReading(at: path, schema: .current)
  }

  package static func openForReading(at path: String, schema: Schema) throws(StoreError) -> Store {
    let action = "read the store"
    try StoreFile.check(path, action: action, mustExist: true)
    do {
      var configuration = common()
      configuration.readonly = true
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
      let queue = try DatabaseQueue(
        path: StoreFile.pathForReading(path), configuration: configuration)
      try queue.read { try schema.check($0, path: path) }
      return Store(path: path, queue: queue)
    } catch { throw StoreError.from(error, action: action, path: path) }
  }

  private static func common() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    return configuration
  }

  func read<Value: Sendable>(
    _ action: String, _ body: (Database) throws -> Value
  ) throws(StoreError) -> Value {
    do { return try queue.read(body) } catch {
      throw StoreError.from(error, action: action, path: path)
    }
  }

  func write<Value: Sendable>(
    _ action: String, _ body: (Database) throws -> Value
  ) throws(StoreError) -> Value {
    do { return try queue.write(body) } catch {
      throw StoreError.from(error, action: action, path: path)
    }
  }
}

extension Store {
  /// SQLite's `synchronous` of the store's connection: 2 is FULL, durable at power loss.
  public func synchronous() throws(StoreError) -> Int {
    try read("ask the store") { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
  }
}
