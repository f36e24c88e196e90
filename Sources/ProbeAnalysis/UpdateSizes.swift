public import ProbeCore
import RealModule

/// A block whose parameters move too far in one step, or do not move (Health.md).
///
/// ‖Δθ‖/‖θ‖ of healthy training lies about 1e-3 while the learning rate is at its height, and goes to 0
/// with it: a small value at the end of a schedule says nothing. Hence two different questions.
///
/// *Too large*: the geometric mean over the recent records is above 0.1; a block that is a tenth new
/// with every step forgets what it was in ten. *Too small*: at the first record after warm-up and at
/// all recent ones the ratio is below 1e-7, although there is a gradient. Half a unit in the last place
/// of a float32 is 6e-8 of it: most parameters do not move at all.
///
/// Source: You et al. 2017, section 4 (ratio of weights and updates); 1e-3 is the rule of thumb of
/// Karpathy's notes to CS231n.
public struct UpdateSize: Sendable, Hashable {
  /// The block's ordinal.
  public let ordinal: Int
  /// Whether the updates are too large, else too small.
  public let isTooLarge: Bool
  /// The geometric mean over the recent records with an update; 0 where none moved.
  public let ratio: Double

  /// The ratio above which updates are too large.
  public static let largest = 0.1
  /// The ratio below which parameters do not move.
  public static let smallest = 1e-7
  /// The fewest records that decide.
  public static let leastRecords = 5

  /// The blocks of a run with updates out of range, in network order.
  ///
  /// A block without a gradient (frozen, or behind a gate at 0) is not expected to move. Complexity:
  /// O(recent records).
  public static func find(in history: History) -> [UpdateSize] {
    history.blocks.compactMap { block in
      let records = block.recent.filter { update($0) != nil }
      guard records.count >= leastRecords else { return nil }
      let ratios = records.map { update($0)! }
      let moved = ratios.filter { $0 > 0 }
      let mean =
        moved.isEmpty ? 0 : Double.exp(moved.reduce(0) { $0 + .log($1) } / Double(moved.count))
      let isLarge = mean > largest && moved.count * 2 > records.count
      let isSmall = ([block.reference].compactMap(\.self) + records).allSatisfy(isStill)
      guard isLarge || (isSmall && block.reference != nil) else { return nil }
      return UpdateSize(ordinal: block.block.ordinal, isTooLarge: isLarge, ratio: mean)
    }
  }

  private static func update(_ record: BlockRecord) -> Double? {
    record.statistics.updateRatio.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }

  /// Whether there is a gradient and next to no update.
  private static func isStill(_ record: BlockRecord) -> Bool {
    guard let update = update(record), let gradient = record.statistics.gradientNorm else {
      return false
    }
    return update < smallest && gradient > 0 && gradient.isFinite
  }
}
