public import ProbeCore

/// A branch that adds exactly nothing to almost every sample (Health.md).
///
/// F = 0, not merely small: a last ReLU that never fires, or a gate at 0. Samples that stochastic depth
/// drops do not count, nor does the run's first step, at which branches that begin at zero have not
/// moved yet. Plain blocks have no branch of their own and are passed over.
///
/// Source: Maas et al. 2013 (units that never fire).
public struct DeadBranch: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// The share of samples with F = 0 over the recent records.
  public let share: Double

  /// The share from which on a branch is dead.
  public static let leastShare = 0.99
  /// The fewest records that decide.
  public static let leastRecords = 5

  /// The dead branches of a run in network order.
  ///
  /// Complexity: O(recent records).
  public static func find(in history: History) -> [DeadBranch] {
    let start = history.steps.first?.step
    return history.blocks.compactMap { block in
      guard block.block.kind != .plain else { return nil }
      let fractions = block.recent.filter { $0.step != start }
        .compactMap(\.statistics.deadFraction).filter { $0.n > 0 && $0.value.isFinite }
      guard fractions.count >= leastRecords, let share = Fraction.pooled(fractions),
        share >= leastShare
      else { return nil }
      return DeadBranch(ordinal: block.block.ordinal, share: share)
    }
  }
}

extension Fraction {
  /// The share over all that was looked at; nil where that is nothing.
  static func pooled(_ fractions: [Fraction]) -> Double? {
    let n = fractions.reduce(0.0) { $0 + Double($1.n) }
    return n > 0 ? fractions.reduce(0) { $0 + $1.value * Double($1.n) } / n : nil
  }
}
