import GRDB
import Glibc
public import ProbeCore

/// The files of a store as the system knows them: whether what is at its path is still what was opened.
public struct FileIdentity: Sendable, Hashable {
  private struct Inode: Hashable {
    let device: UInt64
    let number: UInt64

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = UInt64(status.st_dev)
      number = UInt64(status.st_ino)
    }
  }

  private let file: Inode
  /// The write-ahead log, where there is one.
  private let log: Inode?

  /// The store at a path now; nil where there is none.
  public init?(at path: String) {
    guard let file = Inode(path) else { return nil }
    self.file = file
    log = Inode(path + "-wal")
  }

  /// Whether a store opened as this one is the one at its path now: the file, and the log that it had.
  public func isStill(at path: String) -> Bool {
    guard let now = FileIdentity(at: path) else { return false }
    return now.file == file && (log == nil || now.log == log)
  }
}

extension Store {
  /// The store's own identity: random, made with the file; a copy keeps it.
  public func uuid() throws(StoreError) -> Identity {
    let text = try read("read the store") {
      try String.fetchOne($0, sql: "SELECT uuid FROM store WHERE id = 1")
    }
    guard let uuid = text.flatMap({ Identity($0) }) else {
      throw StoreError(
        .failed, action: "read the store", subject: path, reason: "it does not say which one it is",
        hint: "the file was edited by hand; restore it from a copy")
    }
    return uuid
  }

  /// Says so if the file at the store's path is not the one that was opened.
  ///
  /// SQLite would go on writing to a deleted file, and the rows would be gone with the process.
  ///
  /// - Throws: ``StoreError`` of kind ``StoreError/Kind/gone``.
  public func check(isStill file: FileIdentity) throws(StoreError) {
    guard !file.isStill(at: path) else { return }
    throw StoreError(
      .gone, action: "write the store", subject: path,
      reason: FileIdentity(at: path) == nil
        ? "the file was deleted while it was open"
        : "another file was put in its place, or in its log's, while it was open",
      hint: "start again: journals that the spool still keeps are taken in anew")
  }

  /// Whether a transaction that writes can be committed now.
  public var canBeWritten: Bool {
    do {
      try queue.write { try $0.execute(sql: "UPDATE store SET created_at = created_at") }
      return true
    } catch { return false }
  }

  /// Moves what stands in the write-ahead log into the store's file, and empties the log if no reader
  /// is in the way.
  public func checkpoint() throws(StoreError) {
    do {
      try queue.writeWithoutTransaction { db in
        // A reader in the way makes this answer "busy" in a row, which is no failure.
        _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
      }
    } catch { throw StoreError.from(error, action: "checkpoint", path: path) }
  }
}
