public import ProbeCore

/// A block's place among its run's blocks by `taylor_importance`.
///
/// It orders the blocks of one run and is no cost: shown as rank and share, never as nats
/// (`taylor_importance` in Statistics.md).
public struct TaylorRanking: Sendable, Hashable {
  /// 1 for the greatest; equal values share the smaller rank and leave the next ones out.
  public let rank: Int
  /// The value over the sum of all blocks' values, 0 … 1; 0 for all where the sum is 0.
  public let share: Double

  /// The ranking of a history's blocks over a window, in their order; nil for a block without a value.
  ///
  /// A block's value is the mean over its window's records of the mean |⟨n·g, F⟩| of a record.
  /// Every kind of block takes part. Complexity: O(records + blocks log blocks).
  ///
  /// Source: Molchanov et al. 2019, gate form, absolute per sample.
  public static func rank(_ history: History, over window: VerdictWindow?) -> [TaylorRanking?] {
    let values = history.blocks.map { block in mean(window?.records(of: block) ?? []) }
    let present = values.compactMap(\.self)
    let sum = present.reduce(0, +)
    let ranks = Dictionary(
      zip(present.sorted(by: >), 1...), uniquingKeysWith: { smaller, _ in smaller })
    return values.map { value in
      value.map { TaylorRanking(rank: ranks[$0]!, share: sum > 0 ? $0 / sum : 0) }
    }
  }

  private static func mean(_ records: [BlockRecord]) -> Double? {
    let means = records.map(\.statistics.taylorImportance).filter { $0.n > 0 && $0.mean.isFinite }
    return means.isEmpty ? nil : means.reduce(0) { $0 + $1.mean } / Double(means.count)
  }
}
