import ProbeCore
import ProbeDaemon
import ProbeStore
import ProbeWire

/// A segment of a journal with its records, handed on a few at a time.
struct ScriptedSegment {
  let segment: SegmentIdentity
  let records: [Record]
  private var taken = 0

  init(_ segment: SegmentIdentity, _ records: [Record]) {
    self.segment = segment
    self.records = records
  }

  /// Whether all of it was handed on.
  var isTaken: Bool { taken == records.count }

  /// The next records as an intake hands them to a store; a record counts ten bytes.
  mutating func batch(_ count: Int) -> JournalBatch {
    var batch = JournalBatch(
      journal: segment.journal, segment: segment.segment, from: 10 * taken)
    batch.records = Array(records[taken...].prefix(count))
    taken += batch.records.count
    batch.to = 10 * taken
    return batch
  }

  /// All of it as the bytes of a file.
  var bytes: [UInt8] {
    get throws {
      try Journal.header(of: segment)
        + records.flatMap { Journal.frame(payload: try RecordCodec.encode($0, in: segment)) }
    }
  }
}

/// A run of two ranks that is started twice: steps 0 to 259, then again from step 200 to 499.
///
/// `falls` is small from step 120 on, until 200 in the first start and until 400 in the second.
/// `hovers` stays between ε and 2ε, `breaks` has samples that are not finite, `silent` sends nothing
/// and `projection` cannot be asked. Rank 1 drops one frame in seven.
struct ScriptedRun {
  static let map = try! BlockMap([
    Block(ordinal: 0, name: "falls"), Block(ordinal: 1, name: "hovers"),
    Block(ordinal: 2, name: "breaks"), Block(ordinal: 3, name: "silent"),
    Block(ordinal: 4, name: "projection", shortcut: .projection),
  ])

  private static let run = identity(0)
  private static let attempts = [identity(1), identity(2)]

  /// The segments: of the first start one a rank, of the second two.
  static let segments: [ScriptedSegment] = {
    var segments: [ScriptedSegment] = []
    for rank in 0..<2 {
      segments.append(segment(attempt: 0, rank: rank, number: 0, steps: 0..<260))
      segments.append(segment(attempt: 1, rank: rank, number: 0, steps: 200..<350))
      segments.append(
        segment(attempt: 1, rank: rank, number: 1, steps: 350..<500, ends: rank == 0))
    }
    return segments
  }()

  private static func identity(_ byte: UInt8) -> Identity {
    Identity(bytes: [UInt8](repeating: 0x40 + byte, count: 16))!
  }

  private static func segment(
    attempt: Int, rank: Int, number: Int, steps: Range<Int>, ends: Bool = false
  ) -> ScriptedSegment {
    let journal = identity(UInt8(8 + 2 * attempt + rank))
    let opened = RunOpened(
      run: run, attempt: attempts[attempt], name: "scripted", startedAt: 1e9 * Double(1 + attempt),
      firstStep: attempt * 200, rank: rank, worldSize: 2)
    var records: [Record] = [.runOpened(opened), .blockMap(map)]
    for step in steps where rank == 0 || step % 7 != 3 {
      records.append(.frame(frame(step, attempt: attempt, rank: rank)))
    }
    if ends {
      records.append(
        .attemptFinished(
          AttemptFinished(status: .completed, finishedAt: 3e9, lastStep: 499, droppedFrames: 0)))
    }
    return ScriptedSegment(SegmentIdentity(journal: journal, segment: number), records)
  }

  private static func frame(_ step: Int, attempt: Int, rank: Int) -> Frame {
    let falls = step >= 120 && step < (attempt == 0 ? 200 : 400)
    var breaks = statistics(2, gap: 0.2, step)
    let broken = attempt == 0 ? rank == 0 && step == 210 : step == (rank == 0 ? 240 : 230)
    if broken { breaks.nonFinite = 8 }
    var frame = Frame(step: step, wallTime: 1e9 * Double(1 + attempt) + Double(2 * step + rank))
    frame.loss = 1 / Double(step + 1)
    frame.learningRate = 0.1
    frame.droppedFrames = rank == 1 && step % 7 == 4 ? 1 : 0
    frame.blocks = [
      statistics(0, gap: falls ? 0.01 : 0.3, step), statistics(1, gap: 0.07, step), breaks,
      statistics(4, gap: nil, step),
    ]
    return frame
  }

  private static func statistics(_ ordinal: Int, gap: Double?, _ step: Int) -> BlockStatistics {
    var statistics = BlockStatistics(ordinal: ordinal)
    statistics.samples = 32
    guard let gap else { return statistics }
    let median = gap * [1.0, 1.05, 0.96, 1.02, 0.95][step % 5]
    statistics.identityGap = LogDistribution(
      n: 32, logs: Moments(), p50: median, p90: median, p99: median, max: median)
    statistics.identityGapHistogram.count(32, inSlot: GapHistogram.slot(of: median))
    return statistics
  }
}

extension Intake {
  /// All that is kept of a run, as text, in order; without the numbers of rows.
  func kept() throws -> [[Cell]] {
    try [
      """
      SELECT b.name, w.first_step, w.last_step, w.records, w.gap, w.upper, w.identity, w.streak, w.streak_start
      FROM block_window AS w JOIN block AS b ON b.id = w.block_id ORDER BY w.last_step, b.ordinal
      """,
      """
      SELECT kind, name, identity, first_step, noticed_step, noticed_at, count FROM run_finding
      ORDER BY kind, ordinal, first_step
      """,
      """
      SELECT b.name, v.verdict, v.origin, v.since_step, v.at_step, v.window_start, v.records, v.gap,
        v.lower, v.upper, v.confidence, v.share, v.missing
      FROM verdict AS v JOIN block AS b ON b.id = v.block_id ORDER BY b.ordinal
      """,
      "SELECT verdicts_due FROM run",
    ].flatMap(rows)
  }

  func rows(_ sql: String) throws -> [[Cell]] {
    var query = try GuardedQuery(sql, onStoreAt: store.path)
    var rows: [[Cell]] = []
    while let row = try query.next() { rows.append(row) }
    return rows
  }
}
