public import ProbeCore
import RealModule

/// A branch that stochastic depth drops more or less often than it was told to (Health.md).
///
/// The share of dropped samples over the window is held against the configured probability. What is
/// drawn may be a sample ("row") or a whole micro-batch ("batch"): where every record is dropped as a
/// whole or not at all, a record is one draw. Where draws hold some samples each (a mask for every
/// micro-batch, several ranks), records spread more than single samples would, and that counts too.
///
/// Reported only where three things hold: the shares differ by more than 0.02, the exact binomial
/// p-value times the number of blocks with stochastic depth is below 1e-4, and the difference is over
/// four standard errors as the records themselves spread.
///
/// Source: Huang et al. 2016; the bound is Clopper and Pearson 1934.
public struct StochasticDepth: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// The configured probability that the branch is dropped.
  public let configured: Double
  /// The share of samples that were dropped in the window.
  public let dropped: Double

  /// The least difference that counts.
  public static let leastDifference = 0.02
  /// The greatest p-value that counts, all blocks together.
  public static let significance = 1e-4
  /// The least number of standard errors that counts.
  public static let leastErrors = 4.0
  /// The fewest records that decide.
  public static let leastRecords = 20

  /// The blocks of a run whose survival differs from the configured one, in network order.
  ///
  /// Complexity: O(records in the window).
  public static func find(in history: History, over window: VerdictWindow?) -> [StochasticDepth] {
    let masked = history.blocks.filter { ($0.block.dropProbability ?? 0) > 0 }
    return masked.compactMap { block in
      let records = (window?.records(of: block) ?? []).map(\.statistics)
        .filter { $0.samples > 0 && (0...$0.samples).contains($0.dropped) }
      guard let configured = block.block.dropProbability, configured <= 1,
        records.count >= leastRecords
      else { return nil }
      let all = records.reduce(0.0) { $0 + Double($1.samples) }
      let dropped = records.reduce(0.0) { $0 + Double($1.dropped) } / all
      guard (dropped - configured).magnitude > leastDifference,
        isSignificant(records, configured, dropped, blocks: masked.count)
      else { return nil }
      return StochasticDepth(
        ordinal: block.block.ordinal, configured: configured, dropped: dropped)
    }
  }

  private static func isSignificant(
    _ records: [BlockStatistics], _ configured: Double, _ share: Double, blocks: Int
  ) -> Bool {
    let isWhole = records.allSatisfy { $0.dropped == 0 || $0.dropped == $0.samples }
    let draws = isWhole ? Double(records.count) : records.reduce(0.0) { $0 + Double($1.samples) }
    let hits =
      isWhole
      ? Double(records.count { $0.dropped > 0 })
      : records.reduce(0.0) { $0 + Double($1.dropped) }
    let tail = tail(hits: hits, draws: draws, probability: configured)
    guard 2 * tail * Double(blocks) < significance else { return false }
    // The error of the share by the spread of the records, each a cluster of samples.
    let all = records.reduce(0.0) { $0 + Double($1.samples) }
    let squares = records.reduce(0.0) {
      let rest = Double($1.dropped) - share * Double($1.samples)
      return $0 + rest * rest
    }
    let error = Double.sqrt(squares) / all
    return (share - configured).magnitude > leastErrors * error
  }

  /// The probability of so few or so many hits, whichever is the smaller.
  private static func tail(hits: Double, draws: Double, probability p: Double) -> Double {
    if p >= 1 { return hits < draws ? 0 : 1 }
    if hits < p * draws {
      return IncompleteBeta(a: draws - hits, b: hits + 1).regularized(1 - p, complement: p)
    }
    return IncompleteBeta(a: hits, b: draws - hits + 1).regularized(p, complement: 1 - p)
  }
}
