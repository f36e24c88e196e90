import Glibc
import Logging

/// What was said of segments: a living one that is refused is refused at every look.
struct ToldRemarks {
  private var ends: [String: SegmentAccount.End] = [:]
  private var stuck: String?
  private var isThere = true

  /// Says so when the spool is gone or cannot be read, and when it is back.
  mutating func tell(isThere: Bool, _ folder: String, _ logger: Logger) {
    defer { self.isThere = isThere }
    guard isThere != self.isThere else { return }
    if isThere {
      logger.notice("\(folder) is there again")
    } else {
      logger.warning("cannot follow \(folder): \(String(cString: strerror(errno)))")
    }
  }

  /// Whether what keeps segments from being moved is another than before; the segment itself may differ.
  mutating func isNews(_ stuck: String) -> Bool {
    let reason = stuck.split(separator: ":").last.map(String.init)
    defer { self.stuck = reason }
    return reason != self.stuck
  }

  /// Whether a segment's end is another than the one told last.
  mutating func isNews(_ account: SegmentAccount) -> Bool {
    if ends.count > 10_000 { ends = [:] }
    return ends.updateValue(account.end, forKey: account.path) != account.end
  }
}
