public import ProbeCore
public import ProbeWire

/// A run of one's own with what the golden journal says: its segment's bytes.
public struct GoldenRun: Sendable {
  /// The run.
  public let run: Identity
  /// The segment, the only one of its journal.
  public let segment: SegmentIdentity
  /// The segment's bytes.
  public private(set) var bytes: [UInt8]

  /// A run of these steps; `finishes` adds the recorder's last word.
  public init(steps: [Int] = [0, 10], finishes: Bool = true) throws {
    run = .random()
    segment = SegmentIdentity(journal: .random(), segment: 0)
    var opened = Golden.opened
    opened.run = run
    opened.attempt = .random()
    bytes = Journal.header(of: segment)
    try append(.runOpened(opened))
    try append(.blockMap(Golden.blocks))
    for step in steps { try append(.frame(Golden.frame(step: step, gap: 0.25))) }
    guard finishes else { return }
    try append(
      .attemptFinished(
        AttemptFinished(status: .completed, finishedAt: 1.75e9, lastStep: 199, droppedFrames: 0)))
  }

  /// Adds a record.
  public mutating func append(_ record: ProbeCore.Record) throws {
    bytes += Journal.frame(payload: try RecordCodec.encode(record, in: segment))
  }

  /// The path and query that its bytes from an offset on are sent to.
  public func target(from offset: Int? = nil) -> String {
    "/v1/journals/\(segment.fileName.dropLast(".rpj".count))"
      + (offset.map { "?offset=\($0)" } ?? "")
  }
}
