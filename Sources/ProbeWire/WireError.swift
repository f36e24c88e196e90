public import ProbeCore

/// Why a record cannot be written or read.
public enum WireError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The encoded record has this many bytes, more than a payload may have.
  case recordTooLong(bytes: Int)
  /// The payload is no `Record` message.
  case malformed
  /// The payload says something that cannot be: what, in words.
  case impossible(String)
  /// The record names another segment than the one it stands in.
  case foreignSegment(stated: SegmentIdentity)
  /// The blocks are no block map.
  case blockMap(BlockMap.Problem)

  /// One clause in words, without a full stop.
  public var description: String {
    switch self {
    case .recordTooLong(let bytes): "a record of \(bytes) bytes is longer than the 4 MiB allowed"
    case .malformed: "it is no Record message of probe.proto"
    case .impossible(let what): "it states \(what)"
    case .foreignSegment(let stated): "it belongs to \(stated.fileName)"
    case .blockMap(let problem): "its block map is impossible: \(problem)"
    }
  }
}
