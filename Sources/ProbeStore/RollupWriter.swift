import GRDB
import Glibc
import ProbeCore

/// Sums a batch's records up into spans, in memory, and merges them into `block_rollup` once.
///
/// A record goes into the shortest span that holds its step. When a span ends it goes, whole, into
/// the next longer one: as steps rise, few records touch more than one span.
struct RollupWriter {
  /// The spans being summed up, those of a block side by side, shortest first.
  private var open: [RollupSpan] = []
  private var ended: [(ordinal: Int, span: RollupSpan)] = []

  /// Adds the medians of one block at one step to every span that holds the step.
  mutating func add(_ statistics: BlockStatistics, step: Int) {
    let gap = statistics.identityGap.p50
    let ratio = statistics.residualRatio.p50
    guard gap != nil || ratio != nil else { return }
    while open.count < (statistics.ordinal + 1) * Self.levels {
      open.append(RollupSpan(start: 0, length: RollupSpan.lengths[open.count % Self.levels]))
    }
    let shortest = statistics.ordinal * Self.levels
    if !open[shortest].contains(step) { end(statistics.ordinal, level: 0, for: step) }
    open[shortest].add(gap: gap, ratio: ratio)
  }

  /// Ends a block's span and begins the one that holds the step; an empty span just moves there.
  private mutating func end(_ ordinal: Int, level: Int, for step: Int) {
    let span = open[ordinal * Self.levels + level]
    if !span.isEmpty {
      ended.append((ordinal, span))
      if level + 1 < Self.levels {
        let longer = ordinal * Self.levels + level + 1
        if !open[longer].contains(span.start) { end(ordinal, level: level + 1, for: span.start) }
        open[longer].merge(span)
      }
    }
    open[ordinal * Self.levels + level] = RollupSpan(
      start: step / span.length * span.length, length: span.length)
  }

  /// Merges what was added into the store, in the order of its key.
  mutating func write(_ context: JournalContext, _ db: Database) throws {
    for level in 0..<Self.levels {
      for ordinal in 0..<(open.count / Self.levels) { end(ordinal, level: level, for: 0) }
    }
    ended.sort {
      ($0.span.length, $0.ordinal, $0.span.start) < ($1.span.length, $1.ordinal, $1.span.start)
    }
    var upsert = try StatementHandle(db, Self.upsert)
    for (ordinal, span) in ended {
      for value in [context.runID, context.attemptID, context.rank] { upsert.bind(value) }
      upsert.bind(context.blockIDs[ordinal])
      upsert.bind(span.length)
      upsert.bind(span.start)
      upsert.bind(span.gapN)
      upsert.bind(span.gapLogSum)
      upsert.bind(span.gapMin)
      upsert.bind(span.gapMax)
      upsert.bind(span.ratioN)
      upsert.bind(span.ratioLogSum)
      upsert.bind(span.ratioMin)
      upsert.bind(span.ratioMax)
      try upsert.run()
    }
    ended = []
  }

  private static let levels = RollupSpan.lengths.count

  /// min() and max() of two values are NULL if one is, hence coalesce.
  private static let upsert = """
    INSERT INTO block_rollup (run_id, attempt_id, rank, block_id, span, start,
      identity_gap_n, identity_gap_log_sum, identity_gap_min, identity_gap_max,
      residual_ratio_n, residual_ratio_log_sum, residual_ratio_min, residual_ratio_max)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
      identity_gap_n = identity_gap_n + excluded.identity_gap_n,
      identity_gap_log_sum = identity_gap_log_sum + excluded.identity_gap_log_sum,
      identity_gap_min = min(coalesce(identity_gap_min, excluded.identity_gap_min),
        coalesce(excluded.identity_gap_min, identity_gap_min)),
      identity_gap_max = max(coalesce(identity_gap_max, excluded.identity_gap_max),
        coalesce(excluded.identity_gap_max, identity_gap_max)),
      residual_ratio_n = residual_ratio_n + excluded.residual_ratio_n,
      residual_ratio_log_sum = residual_ratio_log_sum + excluded.residual_ratio_log_sum,
      residual_ratio_min = min(coalesce(residual_ratio_min, excluded.residual_ratio_min),
        coalesce(excluded.residual_ratio_min, residual_ratio_min)),
      residual_ratio_max = max(coalesce(residual_ratio_max, excluded.residual_ratio_max),
        coalesce(excluded.residual_ratio_max, residual_ratio_max))
    """
}

extension RollupSpan {
  fileprivate var isEmpty: Bool { gapN == 0 && ratioN == 0 }

  fileprivate func contains(_ step: Int) -> Bool { step >= start && step - start < length }

  mutating func add(gap: Double?, ratio: Double?) {
    if let gap {
      gapN += 1
      gapLogSum += log(max(gap, 0x1p-20))
      gapMin = min(gapMin ?? gap, gap)
      gapMax = max(gapMax ?? gap, gap)
    }
    if let ratio {
      ratioN += 1
      ratioLogSum += log(max(ratio, 0x1p-20))
      ratioMin = min(ratioMin ?? ratio, ratio)
      ratioMax = max(ratioMax ?? ratio, ratio)
    }
  }

  /// Takes in a span that lies within this one.
  fileprivate mutating func merge(_ other: RollupSpan) {
    gapN += other.gapN
    gapLogSum += other.gapLogSum
    if let gap = other.gapMin { gapMin = min(gapMin ?? gap, gap) }
    if let gap = other.gapMax { gapMax = max(gapMax ?? gap, gap) }
    ratioN += other.ratioN
    ratioLogSum += other.ratioLogSum
    if let ratio = other.ratioMin { ratioMin = min(ratioMin ?? ratio, ratio) }
    if let ratio = other.ratioMax { ratioMax = max(ratioMax ?? ratio, ratio) }
  }
}
