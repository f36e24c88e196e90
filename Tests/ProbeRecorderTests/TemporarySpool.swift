import Foundation
import ProbeCore
import ProbeRecorder
import ProbeWire

/// A folder of one's own that goes away with the value, and what recorders left in it.
final class TemporarySpool {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/resnet-probe-\(Identity.random())"
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The spool with a limit.
  func spool(limit: Int = Spool.defaultLimit) -> Spool { Spool(path: path, limit: limit) }

  /// The names of the segments, by number.
  var segments: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { $0.hasSuffix(".rpj") }.sorted {
      SegmentIdentity(fileName: $0)!.segment < SegmentIdentity(fileName: $1)!.segment
    }
  }

  func bytes(of name: String) -> [UInt8] {
    Array((try? Data(contentsOf: URL(filePath: path + "/" + name))) ?? Data())
  }

  /// The records of one segment, which must be whole and undamaged.
  func records(of name: String) throws -> [Record] {
    var reader = SegmentReader()
    reader.append(bytes(of: name))
    guard case .opened(let identity) = reader.next(), identity.fileName == name else {
      throw Unreadable()
    }
    var records: [Record] = []
    while case .record(let payload) = reader.next() {
      guard let record = try RecordCodec.decode(payload, in: identity) else { throw Unreadable() }
      records.append(record)
    }
    guard reader.tail == .whole else { throw Unreadable() }
    return records
  }

  /// The records of all segments in order.
  func records() throws -> [Record] { try segments.flatMap(records(of:)) }

  /// The frames of all segments in order.
  func frames() throws -> [Frame] {
    try records().compactMap { if case .frame(let frame) = $0 { frame } else { nil } }
  }

  struct Unreadable: Error {}
}

/// What a recorder under test said on standard error.
final class Said {
  var lines: [String] = []
  var warnings: Warnings { Warnings { self.lines.append($0) } }
}

/// A block map of `count` residual blocks.
func residualBlocks(_ count: Int) -> BlockMap {
  try! BlockMap((0..<count).map { Block(ordinal: $0, name: "layer.\($0)") })
}

/// A recorder under test with its own warnings and an empty environment.
func openRecorder(
  _ spool: Spool, blocks: BlockMap = residualBlocks(2), schedule: Schedule = .every(1),
  said: Said = Said(), description: RunDescription = RunDescription(name: "test"),
  clock: Clock = .system
) throws -> Recorder {
  try Recorder(
    opening: description, blocks: blocks, schedule: schedule, spool: spool, clock: clock,
    warnings: said.warnings, environment: { _ in nil })
}

/// Tensors of a small residual block with ratio 0.1.
func smallTensors(samples: Int = 4, width: Int = 8, gradient: Bool = false) -> BlockTensors {
  let count = samples * width
  return BlockTensors(
    stream: (0..<count).map { Float($0 % 5) + 1 },
    branch: (0..<count).map { (Float($0 % 5) + 1) * 0.1 }, samples: samples, width: width,
    outputGradient: gradient ? [Float](repeating: 0.5, count: count) : nil)
}
