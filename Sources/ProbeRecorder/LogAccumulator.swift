internal import Glibc
package import ProbeCore

/// Builds the log-distribution of one statistic over the samples of one step.
package struct LogAccumulator: Sendable {
  private var logs = Moments()
  private var max = 0.0
  private var kept: KeptValues

  /// A distribution of no samples, with percentiles from at most `capacity` values.
  package init(capacity: Int, seed: UInt64) { kept = KeptValues(capacity: capacity, seed: seed) }

  /// The values that percentiles do not see.
  package var passedOver: Int { kept.passedOver }

  /// Takes in one sample's finite value, zero or above.
  package mutating func add(_ value: Double) {
    kept.add(value)
    max = Swift.max(max, value)
    if value > 0 { logs.add(log(value)) }
  }

  /// The distribution of what was taken in.
  package var distribution: LogDistribution {
    let percentiles = kept.percentiles([50, 90, 99])
    guard percentiles.count == 3 else { return LogDistribution() }
    return LogDistribution(
      n: kept.offered, logs: logs, p50: percentiles[0], p90: percentiles[1], p99: percentiles[2],
      max: max)
  }
}
