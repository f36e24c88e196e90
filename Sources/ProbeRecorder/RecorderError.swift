internal import Glibc

/// Why a recorder could not be opened.
///
/// Once it is open nothing throws.
public struct RecorderError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was attempted: "open a run", "open the spool".
  public var attempted: String
  /// On what.
  public var subject: String
  /// Why it failed.
  public var reason: String
  /// What to do next.
  public var remedy: String

  /// An error in four parts, each a clause without a full stop.
  package init(attempted: String, subject: String, reason: String, remedy: String) {
    self.attempted = attempted
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
  }

  /// One line: `cannot open the spool /x: Permission denied; set …`.
  public var description: String { "cannot \(attempted) \(subject): \(reason); \(remedy)" }

  /// The system's words for an error number.
  static func words(for number: Int32) -> String { String(cString: strerror(number)) }
}
