public import ProbeAnalysis
public import ProbeCore

/// What a report says of one block.
///
/// Gap, ratio, cosine and Taylor importance speak of the verdict's window, or of the latest
/// record where no record lies in it; ``latest`` holds everything else.
public struct BlockRow: Sendable, Hashable {
  /// The identity gap over the window.
  public struct Gap: Sendable, Hashable {
    /// The centre: the verdict's, else the geometric mean of the records' medians.
    public var p50: Double?
    /// The geometric mean of the records' 90th percentiles, taken like the centre.
    public var p90: Double?
    /// The lower confidence bound of the centre.
    public var lower: Double?
    /// The upper confidence bound of the centre.
    public var upper: Double?
  }

  /// The block.
  public var block: Block
  /// The verdict on it.
  public var verdict: BlockVerdict
  /// The identity gap; all nil where it is not defined for the block.
  public var gap: Gap
  /// The size of the branch beside the stream.
  public var ratio: RatioRow
  /// The mean over the window's records of the mean cosine between F and x.
  public var cosine: Double?
  /// The mean over the window's records of the mean Taylor importance; no cost.
  public var taylorMean: Double?
  /// The block's place in the order of Taylor importance; nil without a record in the window.
  public var taylor: TaylorRanking?
  /// What removing the block by itself did; nil where it was not measured.
  public var ablation: Ablation?
  /// The latest record.
  public var latest: BlockRecord?
  /// The gap over the run so far, for drawing.
  public var trend: [BlockHistory.TrendPoint]

  init(
    history: BlockHistory, records: [BlockRecord], verdict: BlockVerdict, taylor: TaylorRanking?,
    ablation: Ablation?
  ) {
    block = history.block
    self.verdict = verdict
    self.taylor = taylor
    self.ablation = ablation
    latest = history.latest
    trend = history.trend
    let window = records.isEmpty ? [latest].compactMap(\.self) : records
    ratio = RatioRow(history: history, window: window)
    // By place: a window holds thousands of records, and a copy of each takes time.
    (gap, cosine, taylorMean) = window.withUnsafeBufferPointer { window in
      let places = window.indices.lazy
      let gap = Gap(
        p50: verdict.gap ?? LogMean.of(places.map { window[$0].statistics.identityGap.p50 }),
        p90: LogMean.of(places.map { window[$0].statistics.identityGap.p90 }),
        lower: verdict.lower, upper: verdict.upper)
      return (
        gap, Self.mean(places.map { window[$0].statistics.cosine }),
        Self.mean(places.map { window[$0].statistics.taylorImportance })
      )
    }
  }

  private static func mean(_ records: some Sequence<Moments>) -> Double? {
    var (sum, count) = (0.0, 0)
    for moments in records where moments.n > 0 && moments.mean.isFinite {
      sum += moments.mean
      count += 1
    }
    return count > 0 ? sum / Double(count) : nil
  }
}
