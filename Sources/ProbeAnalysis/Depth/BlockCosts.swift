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
}
