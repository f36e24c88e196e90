import GRDB
import Glibc
import ProbeCore

/// Sums a batch's records up into spans, in memory, and merges them into `block_rollup` once.
struct RollupWriter {
  private struct Key: Hashable {
    var ordinal: Int
    var length: Int
    var start: Int
  }

  private var spans: [Key: RollupSpan] = [:]

  /// Adds the medians of one block at one step to every span that holds the step.
  mutating func add(_ statistics: BlockStatistics, step: Int) {
    let gap = statistics.identityGap.p50
    let ratio = statistics.residualRatio.p50
    guard gap != nil || ratio != nil else { return }
    for length in RollupSpan.lengths {
      let start = step / length * length
      let key = Key(ordinal: statistics.ordinal, length: length, start: start)
      var span = spans[key] ?? RollupSpan(start: start, length: length)
      span.add(gap: gap, ratio: ratio)
      spans[key] = span
    }
  }

  /// Merges what was added into the store.
  func write(_ context: JournalContext, _ db: Database) throws {
    var upsert = try StatementHandle(db, Self.upsert)
    for (key, span) in spans {
      for value in [context.runID, context.attemptID, context.rank] { upsert.bind(value) }
      upsert.bind(context.blockIDs[key.ordinal])
      upsert.bind(key.length)
      upsert.bind(key.start)
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
  }

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
}
