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
      let blocks = try blocks(ofRun: run.id, db)
      let attempts = try AttemptsInForce(run: run.id, db)
      let reader = RecordReader(run: run.id, blocks: blocks, attempts: attempts, db)
      let first = try reader.records(atStep: steps.first?.step)
      let reference = try reader.records(atStep: request.reference)
      let latest = try reader.records(atStep: steps.last?.step)
      let window = try request.window.map {
        try reader.records(in: $0, WindowColumns.names) {
          BlockRecord(step: $0, statistics: WindowColumns.read($1, from: &$2))
        }
      }
      let recent = try reader.records(inLast: Self.recentRecords, of: request.window, steps: steps)
      let trends = try TrendReader(run: run.id, steps: steps, db).trends()
      let crossings = CrossingReader(
        run: run.id, threshold: request.threshold, attempts: attempts, db)
      return History(
        run: run, steps: steps,
        blocks: try blocks.enumerated().map { place, row in
          BlockHistory(
            block: row.block, first: first[place].first, reference: reference[place].first,
            latest: latest[place].first, window: window?[place] ?? [], recent: recent[place],
            trend: trends[row.id] ?? [], crossing: try crossings.last(ofBlock: row.id))
        }, findings: try Self.findings(ofRun: run.id, db),
        ablations: try AblationReader(run: run.id, db: db).ablations())
    }
  }

  /// The records at the end of a window that are read with all their statistics.
  private static let recentRecords = 60

  /// The examination that speaks for a run, with what it measured; nil where there is none.
  public func ablations(ofRun run: Int) throws(StoreError) -> Ablations? {
    try read("read the ablations in") { try AblationReader(run: run, db: $0).ablations() }
  }

  /// What verdicts rest on of a history: each block with its records' gaps in a range of steps, and
  /// whether it sent one at the first step of the run.
  public func evidence(
    ofRun run: Int, firstStep: Int?, in steps: ClosedRange<Int>?
  ) throws(StoreError) -> [GapEvidence] {
    try read("read the history in") { db in
      let blocks = try blocks(ofRun: run, db)
      let reader = RecordReader(
        run: run, blocks: blocks, attempts: try AttemptsInForce(run: run, db), db)
      func records(_ steps: ClosedRange<Int>?) throws -> [[GapRecord]] {
        guard let steps else { return blocks.map { _ in [] } }
        return try reader.records(in: steps, WindowColumns.gapNames) { step, _, row in
          WindowColumns.readGap(step, from: &row)
        }
      }
      let first = try records(firstStep.map { $0...$0 })
      let window = try records(steps)
      return blocks.enumerated().map { place, row in
        GapEvidence(block: row.block, firstStep: first[place].first?.step, records: window[place])
      }
    }
  }

  /// When a block's median gap was last at or above a threshold.
  public func lastCrossing(
    ofBlock ordinal: Int, inRun run: Int, threshold: Double
  ) throws(StoreError) -> LastCrossing {
    try read("read the history in") { db in
      let block = try Int.fetchOne(
        db, sql: "SELECT id FROM block WHERE run_id = ? AND ordinal = ?", arguments: [run, ordinal])
      guard let block else { return .never }
      let attempts = try AttemptsInForce(run: run, db)
      return try CrossingReader(run: run, threshold: threshold, attempts: attempts, db)
        .last(ofBlock: block)
    }
  }

  private func blocks(ofRun run: Int, _ db: Database) throws -> [(id: Int, block: Block)] {
    let blocks = try BlockRows.fetch(run: run, db)
    do { _ = try BlockMap(blocks.map(\.block)) } catch {
      throw StoreError(
        .failed, action: "read the history in", subject: path,
        reason: "the blocks of run \(run) are no block map (\(error))",
        hint: "the store was edited by hand; take its journals into a new one")
    }
    return blocks
  }
}
