public import ProbeCore

/// A branch that rounding swallows: F ≠ 0, yet x + F == x in the stream's type (Health.md).
///
/// The block computes something and the sum loses it, as happens in bfloat16 once F falls below 0.4 %
/// of x. It says something beside the verdict: the gap of such a block may be 0 although F is not.
///
/// Source: Micikevicius et al. 2018, section 3.1 (updates lost in half precision).
public struct AbsorbedBranch: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// The share of elements with F ≠ 0 that are lost, over the recent records.
  public let share: Double

  /// The share above which a branch counts as absorbed.
  public static let limit = 0.5
  /// The fewest records that decide; elements are counted at every tenth measured step only.
  public static let leastRecords = 2

  /// The absorbed branches of a run in network order.
  ///
  /// Complexity: O(recent records).
  public static func find(in history: History) -> [AbsorbedBranch] {
    history.blocks.compactMap { block in
      let fractions = block.recent.compactMap(\.statistics.absorbedFraction)
        .filter { $0.n > 0 && $0.value.isFinite }
      guard fractions.count >= leastRecords, let share = Fraction.pooled(fractions), share > limit
      else { return nil }
      return AbsorbedBranch(ordinal: block.block.ordinal, share: share)
    }
  }
}
