public import ProbeCore
import RealModule

/// A block whose gap in eval mode is another one than in training (Health.md).
///
/// Statistics are taken in training: dropout and stochastic depth scale F up, batch normalisation uses
/// the batch's own moments. Where the gap over the probe set in eval mode, the median sample's, lies
/// more than 20 % outside of what the medians of the five recent records nearest to the examination
/// range over, the block that is used differs from the one that was watched. Not held against the mean
/// of all recent records: where the gap drifts, that is another network. Looked at where the
/// examination came no earlier than the recent records and one of the two gaps is at least 0.01:
/// below that both are next to nothing.
public struct ModeGap: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// The gap in training: the geometric mean of the records' medians.
  public let training: Double
  /// The gap over the probe set in eval mode.
  public let evaluation: Double

  /// The relative difference above which the two are told apart.
  public static let limit = 0.2
  /// The gap that one of the two has to reach.
  public static let leastGap = 0.01
  /// The records, the nearest to the examination, that it is held against; fewer do not decide.
  public static let records = 5

  /// The blocks of a run with two different gaps, in network order; none where it was not examined.
  ///
  /// Complexity: O(recent records log recent records).
  public static func find(in history: History) -> [ModeGap] {
    guard let ablations = history.ablations else { return [] }
    let singles = ablations.singles
    return history.blocks.compactMap { block in
      guard let gap = singles[block.block.ordinal]?.identityGap, gap.n > 0,
        let evaluation = gap.p50,
        evaluation.isFinite, let first = block.recent.first?.step,
        ablations.examination.step >= first
      else { return nil }
      let gaps = nearest(to: ablations.examination.step, block.recent)
      guard gaps.count == records, let least = gaps.min(), let most = gaps.max(),
        max(most, evaluation) >= leastGap,
        evaluation > most * (1 + limit) || evaluation < least * (1 - limit)
      else { return nil }
      let logarithms = gaps.map { Double.log(max($0, GapSeries.floor)) }
      let training =
        most <= GapSeries.floor ? 0 : Double.exp(logarithms.reduce(0, +) / Double(records))
      return ModeGap(ordinal: block.block.ordinal, training: training, evaluation: evaluation)
    }
  }

  /// The medians of the records nearest to a step, the later ones of two equally near.
  private static func nearest(to step: Int, _ recent: [BlockRecord]) -> [Double] {
    let known = recent.compactMap { record in
      record.medianGap.map { (away: (record.step - step).magnitude, gap: $0) }
    }
    return known.reversed().sorted { $0.away < $1.away }.prefix(records).map(\.gap)
  }
}
