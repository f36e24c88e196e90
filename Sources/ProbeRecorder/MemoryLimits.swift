/// How much of a step a recorder holds: the same for a network of 10 blocks and of 10,000.
///
/// Three things grow with what is measured: the per-sample values behind percentiles, the sums
/// behind the constant fraction and the weights behind the update ratio. Each has room for 2²³
/// numbers over all blocks and for 65,536 a block and statistic: about 160 MiB at most, held from a
/// measured step's first measurement to its end. Most runs stay far below.
package struct MemoryLimits: Sendable, Hashable {
  /// The values of one statistic of one block that percentiles are taken from.
  package let values: Int
  /// The elements of F of one block that the constant fraction follows.
  package let columns: Int
  /// The parameters of one block that the update ratio follows.
  package let parameters: Int

  /// The most of each that one block gets.
  package static let mostPerBlock = 65_536
  /// The most of each that all blocks get together.
  package static let mostInAll = 1 << 23

  /// The limits for a network of so many blocks.
  package init(blocks: Int) {
    let share = max(1, min(Self.mostPerBlock, Self.mostInAll / max(1, blocks)))
    values = max(1, min(Self.mostPerBlock, Self.mostInAll / max(1, 2 * blocks)))
    columns = share
    parameters = share
  }
}
