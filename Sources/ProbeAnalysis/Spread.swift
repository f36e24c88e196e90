public import ProbeCore

/// How many of a window's samples have a small gap (the spread of Verdicts.md).
public struct Spread: Sendable, Hashable {
  private let histogram: GapHistogram

  /// The spread over records; their histograms add.
  public init(_ records: [some GapRecorded]) {
    // By place: a record is large, and a copy of each takes longer than the counting.
    var sum = GapHistogram.Sum()
    records.withUnsafeBufferPointer { records in
      for place in records.indices { sum.add(records[place].gapHistogram) }
    }
    histogram = sum.histogram
  }

  /// The samples with a gap; 0 where no histogram was recorded.
  public var samples: Int { histogram.measured }

  /// The share of samples whose gap surely lies below a bound; nil without samples.
  ///
  /// A histogram bin counts where it lies wholly below, so the share is never too great.
  public func share(below bound: Double) -> Double? {
    samples > 0 ? Double(histogram.surelyBelow(bound)) / Double(samples) : nil
  }

  /// Whether Wilson's lower bound of P(gap < 2·`epsilon`) reaches the share that an identity needs.
  public func isIdentity(epsilon: Double, settings: VerdictSettings) -> Bool {
    let bound = Wilson.lowerBound(
      successes: histogram.surelyBelow(2 * epsilon), trials: samples,
      confidence: settings.confidence)
    return bound >= settings.spreadShare
  }
}
