import GRDB

/// Why the store could not do something: what was attempted, on what, why it failed, what to do next.
public struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of failure it is, for exit codes and HTTP.
  public enum Kind: Sendable, Hashable {
    /// There is no such run, block or view.
    case notFound
    /// There is no store at this place.
    case noStore
    /// The question is not one that may be asked: SQL that writes, attaches or is wrong.
    case refused
    /// The disk, or the file-size limit, is full.
    case full
    /// The file that was opened is no longer the one at its path: deleted, or replaced.
    case gone
    /// The file is not what it should be, or the machine did not do it.
    case failed
  }

  /// What kind of failure it is.
  public var kind: Kind
  /// What was attempted, as an infinitive: "open the store".
  public var action: String
  /// On what: a path, a run's name.
  public var subject: String
  /// Why it failed.
  public var reason: String
  /// What to do next; empty where nothing can be said.
  public var hint: String

  /// An error in its parts.
  public init(_ kind: Kind, action: String, subject: String, reason: String, hint: String = "") {
    self.kind = kind
    self.action = action
    self.subject = subject
    self.reason = reason
    self.hint = hint
  }

  /// One line: "cannot open the store /x: it is a folder".
  public var description: String {
    "cannot \(action)\(subject.isEmpty ? "" : " \(subject)"): \(reason)"
  }

  /// What SQLite or the system said, told for a person.
  static func from(_ error: any Error, action: String, path: String) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let error = error as? DatabaseError else {
      return StoreError(.failed, action: action, subject: path, reason: "\(error)")
    }
    let message = error.message ?? "SQLite error \(error.resultCode.rawValue)"
    // What the rows themselves break will break again: it is the journal's fault, not the machine's.
    let isRefused = [.SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG].contains(
      error.resultCode.primaryResultCode)
    let (reason, hint): (String, String) =
      switch error.resultCode {
      case .SQLITE_BUSY, .SQLITE_LOCKED:
        (
          "another process holds it locked",
          "wait for that process, or find it with `fuser` on the file"
        )
      case .SQLITE_FULL:
        (
          "the disk or the file-size limit is full",
          "free space; nothing was lost, and the journals still wait"
        )
      case .SQLITE_NOTADB: ("it is not a SQLite database", "name another file with --store")
      case .SQLITE_CORRUPT:
        (
          "the file is damaged (\(message))",
          "move it away; journals in the spool's delivered folder can be taken in again"
        )
      case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
        ("it is read-only", "check the permissions of the file and of its folder")
      case .SQLITE_CANTOPEN:
        ("it cannot be opened", "check that its folder exists and can be written")
      case .SQLITE_IOERR:
        (
          "the system could not read or write it (\(message))",
          "check the disk's space and any file-size limit (ulimit -f); nothing was lost"
        )
      default: (message, "")
      }
    let kind: Kind =
      isRefused ? .refused : error.resultCode.primaryResultCode == .SQLITE_FULL ? .full : .failed
    return StoreError(kind, action: action, subject: path, reason: reason, hint: hint)
  }
}
