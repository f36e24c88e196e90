internal import ProbeCore

/// The step under way: what its blocks left so far.
struct OpenStep {
  let number: Int
  let isMeasured: Bool
  let countsAbsorbed: Bool
  private var blocks: [Int: BlockAccumulator] = [:]
  private var parameters: [Int: ParameterStatistics] = [:]
  private var snapshots: [Int: ParameterSnapshot] = [:]

  init(number: Int, isMeasured: Bool, countsAbsorbed: Bool) {
    self.number = number
    self.isMeasured = isMeasured
    self.countsAbsorbed = countsAbsorbed
  }

  /// Takes in one micro-batch at a block.
  mutating func take(_ tensors: BlockTensors, at block: Block, limits: MemoryLimits) {
    let countsAbsorbed = countsAbsorbed
    let seed = UInt64(number) << 16 | UInt64(block.ordinal)
    blocks[
      block.ordinal,
      default: BlockAccumulator(
        block, limits: limits, countsAbsorbed: countsAbsorbed, seed: seed)
    ].take(tensors)
  }

  /// Takes in a block's parameters before the update; a second time replaces the first.
  mutating func take(
    _ statistics: ParameterStatistics, snapshot: ParameterSnapshot, at ordinal: Int
  ) {
    parameters[ordinal] = statistics
    snapshots[ordinal] = snapshot
  }

  /// Takes in a block's parameters after the update; false without the same ones from before it.
  mutating func take(updated: [FloatBuffer], at ordinal: Int) -> Bool {
    guard let snapshot = snapshots[ordinal], snapshot.matches(updated) else { return false }
    parameters[ordinal]?.updateRatio = snapshot.updateRatio(to: updated)
    return true
  }

  /// The per-sample values that percentiles did not see.
  var passedOver: Int { blocks.values.reduce(0) { $0 + $1.passedOver } }

  /// The statistics of the blocks that fired, by ordinal; a skipped update has no ratio.
  func statistics(skipped: Bool) -> [BlockStatistics] {
    Set(blocks.keys).union(parameters.keys).sorted().map { ordinal in
      var statistics = blocks[ordinal]?.finished ?? BlockStatistics(ordinal: ordinal)
      parameters[ordinal]?.enter(&statistics)
      if skipped { statistics.updateRatio = nil }
      return statistics
    }
  }
}
