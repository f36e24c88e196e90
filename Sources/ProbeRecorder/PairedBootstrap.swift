/// One-sided bounds of a mean over samples: percentiles of the means of resampled samples.
///
/// Paired, since what is resampled are the samples' own changes. The same count and seed give the same
/// resamples, so that several changes of one probe set are bounded by the same ones.
///
/// Source: Efron 1979; the percentile interval.
package struct PairedBootstrap: Sendable {
  /// How often samples are drawn anew.
  package static let resamples = 2_000

  private let confidence: Double

  /// Bounds of this one-sided confidence each way, above 0.5 and below 1.
  package init(confidence: Double) { self.confidence = confidence }

  /// The lower and upper bound of the mean of these values, of which there is one at least.
  ///
  /// Nearest-rank percentiles of the resampled means. Complexity: O(resamples · values).
  package func bounds(of values: [Double]) -> (lower: Double, upper: Double) {
    // All alike: every resample is, and adding them up would round.
    guard let first = values.first, values.contains(where: { $0 != first }) else {
      return (values.first ?? 0, values.first ?? 0)
    }
    var generator = SplitMix64(seed: 0)
    var means: [Double] = []
    means.reserveCapacity(Self.resamples)
    for _ in 0..<Self.resamples {
      var sum = 0.0
      for _ in values.indices {
        sum += values[generator.below(values.count)]
      }
      means.append(sum / Double(values.count))
    }
    means.sort()
    func percentile(_ share: Double) -> Double {
      let rank = (share * Double(means.count)).rounded(.up)
      return means[min(max(1, Int(rank)), means.count) - 1]
    }
    return (percentile(1 - confidence), percentile(confidence))
  }
}
