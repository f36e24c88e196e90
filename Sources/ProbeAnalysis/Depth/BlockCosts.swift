public import ProbeCore

/// What some blocks of a network take of something that is counted: parameters, multiply–accumulates.
public struct BlockCosts: Sendable, Hashable {
  /// What the blocks take; nil where it is not known of one of them.
  public let dropped: Int?
  /// What all blocks of the run take; nil where it is not known of one of them.
  public let ofAllBlocks: Int?
  /// The first over the second, 0 … 1; nil where either is not known or all take 0.
  public var share: Double? {
    guard let dropped, let ofAllBlocks, ofAllBlocks > 0 else { return nil }
    return Double(dropped) / Double(ofAllBlocks)
  }

  /// Adds up what is known of blocks; sums that no integer holds count as not known.
  public init(_ cost: (Block) -> Int?, of dropped: [Block], among blocks: [Block]) {
    func sum(_ blocks: [Block]) -> Int? {
      blocks.reduce(0 as Int?) { sum, block in
        guard let sum, let cost = cost(block) else { return nil }
        let (total, isTooLarge) = sum.addingReportingOverflow(cost)
        return isTooLarge ? nil : total
      }
    }
    self.dropped = sum(dropped)
    ofAllBlocks = sum(blocks)
  }

  /// Adds up multiply–accumulates for one sample of the block that sees fewest samples.
  ///
  /// A block's own are for one sample of its own: a row, a token. Where blocks saw other numbers of samples
  /// at the latest record (rows beside tokens, stages of fewer tokens) each counts as often as that is.
  /// Where the samples of one are not known, nothing is.
  public init(macsOf dropped: [BlockHistory], among blocks: [BlockHistory]) {
    let samples = blocks.map { $0.latest?.statistics.samples ?? 0 }
    let isAlike = Set(samples).count <= 1 && Set(blocks.map(\.block.sampleAxis)).count <= 1
    let least = samples.min() ?? 0
    let seen = Dictionary(
      zip(blocks.map(\.block.ordinal), samples), uniquingKeysWith: { $1 })
    self.init(
      { block in
        guard let macs = block.macs, !isAlike else { return block.macs }
        guard least > 0, let own = seen[block.ordinal] else { return nil }
        let (product, isTooLarge) = macs.multipliedReportingOverflow(by: own)
        return isTooLarge ? nil : product / least
      }, of: dropped.map(\.block), among: blocks.map(\.block))
  }
}
