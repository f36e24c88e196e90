public import ProbeStore
import ProbeWire

/// What came of taking in one segment.
public struct SegmentAccount: Sendable, Hashable {
  /// How the segment ended, as far as it could be read.
  public enum End: Sendable, Hashable {
    /// With a whole record.
    case whole
    /// In the middle of a record, as a killed recorder leaves it.
    case cut(bytes: Int)
    /// With zeros, as a crashed machine leaves them.
    case zeroFilled(bytes: Int)
    /// At damage: nothing after the offset can be read.
    case damaged(String)
    /// It could not be taken in at all, for this reason.
    case refused(String)
    /// The system did not give its bytes, for this reason: later it may.
    case unreadable(String)
    /// Not read to its end, because another intake of the same bytes went ahead or this one was to stop; it
    /// is to be looked into again.
    case overtaken
  }

  /// The file.
  public var path: String
  /// The store's number of the run; nil where nothing could be taken in.
  public var runID: Int?
  /// The frames that are new in the store.
  public var frames = 0
  /// Everything before this byte is in the store.
  public var offset = 0
  /// The records that were passed over.
  public var rejections = Rejections()
  /// Whether the recorder's last word was read.
  public var isFinished = false
  /// How it ended.
  public var end = End.whole

  /// An account of a file, still empty.
  public init(path: String) { self.path = path }

  /// What the user has to know beyond "it was taken in", one line each: damage, rejections, a cut end.
  public var remarks: [String] {
    var lines: [String] = []
    if let first = rejections.first {
      let more = rejections.count == 1 ? "" : " (and \(rejections.count - 1) more)"
      let records = rejections.count == 1 ? "1 record" : "\(rejections.count) records"
      lines.append("\(path): passed over \(records): \(first)\(more)")
    }
    switch end {
    case .whole, .overtaken: break
    case .cut(let bytes):
      lines.append(
        "\(path): ends in the middle of a record, as a killed or a running recorder leaves it; "
          + "\(bytes) bytes from byte \(offset) on wait"
      )
    case .zeroFilled(let bytes):
      lines.append(
        "\(path): ends with \(bytes) zero bytes from byte \(offset) on, "
          + "as a crashed machine leaves them"
      )
    case .damaged(let reason):
      lines.append(
        "\(path): damaged at byte \(offset): \(reason); "
          + "what comes before is in the store, what comes after cannot be read"
      )
    case .refused(let reason), .unreadable(let reason):
      lines.append("cannot take in \(path): \(reason)")
    }
    return lines
  }

  /// Whether something was lost or refused.
  public var isFailure: Bool {
    switch end {
    case .damaged, .refused, .unreadable: true
    case .whole, .cut, .zeroFilled, .overtaken: false
    }
  }
}
