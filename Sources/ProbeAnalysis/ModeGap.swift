public import ProbeCore
import RealModule

/// A block whose gap in eval mode is another one than in training (Health.md).
///
/// Statistics are taken in training: dropout and stochastic depth scale F up, batch normalisation uses
/// the batch's own moments. Where the gap over the probe set in eval mode, the median sample's, lies
/// more than 20 % off the geometric mean of the recent records' medians, the block that is used differs
/// from the one that was watched. Looked at where the examination came no earlier than those records
/// and one of the two gaps is at least 0.01: below that both are next to nothing.
public struct ModeGap: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// The gap in training.
  public let training: Double
  /// The gap over the probe set in eval mode.
  public let evaluation: Double

  /// The relative difference above which the two are told apart.
  public static let limit = 0.2
  /// The gap that one of the two has to reach.
  public static let leastGap = 0.01
  /// The fewest records that decide.
  public static let leastRecords = 5

  /// The blocks of a run with two different gaps, in network order; none where it was not examined.
  ///
  /// Complexity: O(recent records).
  public static func find(in history: History) -> [ModeGap] {
    guard let ablations = history.ablations else { return [] }
    let singles = ablations.singles
    return history.blocks.compactMap { block in
      guard let gap = singles[block.block.ordinal]?.identityGap, gap.n > 0,
        let evaluation = gap.p50,
        evaluation.isFinite, let first = block.recent.first?.step,
        ablations.examination.step >= first
      else { return nil }
      let series = GapSeries(block.recent)
      guard series.values.count >= leastRecords else { return nil }
      let training =
        series.isAllFloor
        ? 0 : Double.exp(series.values.reduce(0, +) / Double(series.values.count))
      guard max(training, evaluation) >= leastGap,
        (evaluation - training).magnitude > limit * training
      else { return nil }
      return ModeGap(ordinal: block.block.ordinal, training: training, evaluation: evaluation)
    }
  }
}
