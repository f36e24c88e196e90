import GRDB
public import ProbeCore

/// Which part of a run's past an analysis needs beside its steps.
public struct HistoryRequest: Sendable, Hashable {
  /// The steps of the verdict window; nil: no window, no records.
  public var window: ClosedRange<Int>?
  /// A step after warm-up whose records are wanted too.
  public var reference: Int?
  /// The median gap whose last crossing is wanted: 2ε.
  public var threshold: Double

  /// A request.
  public init(window: ClosedRange<Int>?, reference: Int?, threshold: Double) {
    self.window = window
    self.reference = reference
    self.threshold = threshold
  }
}

extension Store {
  /// A run's history: its steps as given, the window's records, and the past in spans.
  ///
  /// Costs the window, not the past: the past is read from rollups.
  public func history(
    of run: RunSummary, steps: [StepSummary], request: HistoryRequest
  ) throws(StoreError) -> History {
    try read("read the history in") { db in
      let blocks = try BlockRows.fetch(run: run.id, db)
      let reader = RecordReader(run: run.id, blocks: blocks, db)
      let all = StatisticsColumns.all
      let first = try reader.records(atStep: steps.first?.step, all)
      let reference = try reader.records(atStep: request.reference, all)
      let latest = try reader.records(atStep: steps.last?.step, all)
      let window = try request.window.map { try reader.records(in: $0, .window) } ?? [:]
      let trends = try TrendReader(run: run.id, steps: steps, db).trends()
      let crossings = try CrossingReader(run: run.id, threshold: request.threshold, db)
      return History(
        run: run, steps: steps,
        blocks: try blocks.map { id, block in
          BlockHistory(
            block: block, first: first[id]?.first, reference: reference[id]?.first,
            latest: latest[id]?.first, window: window[id] ?? [], trend: trends[id] ?? [],
            crossing: try crossings.last(ofBlock: id))
        })
    }
  }
}

/// Reads whole records of a run's blocks, attempts and ranks merged.
private struct RecordReader {
  let run: Int
  let ordinals: [Int: Int]
  let db: Database

  init(run: Int, blocks: [(id: Int, block: Block)], _ db: Database) {
    self.run = run
    ordinals = Dictionary(uniqueKeysWithValues: blocks.map { ($0.id, $0.block.ordinal) })
    self.db = db
  }

  func records(atStep step: Int?, _ columns: StatisticsColumns) throws -> [Int: [BlockRecord]] {
    try step.map { try records(in: $0...$0, columns) } ?? [:]
  }

  /// The records of each block, by the block's row, in step order.
  ///
  /// Lower ranks come first, so that merging keeps theirs of what all ranks hold.
  func records(
    in steps: ClosedRange<Int>, _ columns: StatisticsColumns
  ) throws -> [Int: [BlockRecord]] {
    var statement = try StatementHandle(
      db,
      """
      SELECT s.step, s.block_id, \(columns.names.map { "s.\($0)" }.joined(separator: ", "))
      FROM attempt AS a
      CROSS JOIN journal AS j ON j.attempt_id = a.id
      CROSS JOIN block_statistics AS s
        ON s.run_id = a.run_id AND s.attempt_id = a.id AND s.rank = j.rank AND s.step BETWEEN ? AND ?
      WHERE a.run_id = ?
        AND +s.step >= a.first_step AND (a.superseded_from IS NULL OR +s.step < a.superseded_from)
      ORDER BY a.first_step, s.attempt_id, s.rank, s.step
      """)
    statement.bind(steps.lowerBound)
    statement.bind(steps.upperBound)
    statement.bind(run)
    var records: [Int: [BlockRecord]] = [:]
    var places: [Int: [Int: Int]] = [:]
    while try statement.nextRow() {
      let step = statement.nextInt()
      let block = statement.nextInt()
      guard let ordinal = ordinals[block] else { continue }
      let statistics = columns.read(ordinal, from: &statement)
      if let place = places[block]?[step] {
        records[block]![place].statistics.merge(rank: statistics)
      } else {
        places[block, default: [:]][step] = records[block]?.count ?? 0
        records[block, default: []].append(BlockRecord(step: step, statistics: statistics))
      }
    }
    for block in records.keys { records[block]!.sort { $0.step < $1.step } }
    return records
  }
}
