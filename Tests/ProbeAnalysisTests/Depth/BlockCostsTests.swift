import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct BlockCostsTests {
  private func block(
    _ ordinal: Int, macs: Int?, axis: Block.SampleAxis = .row, samples: Int?
  ) -> BlockHistory {
    var history = BlockHistory(
      block: Block(ordinal: ordinal, name: "b\(ordinal)", sampleAxis: axis, macs: macs))
    if let samples {
      var statistics = BlockStatistics(ordinal: ordinal)
      statistics.samples = samples
      history.latest = BlockRecord(step: 0, statistics: statistics)
    }
    return history
  }

  @Test func `MACs of blocks that see as many samples add up as they are`() {
    let blocks = [block(0, macs: 30, samples: 8), block(1, macs: 10, samples: 8)]
    let costs = BlockCosts(macsOf: [blocks[0]], among: blocks)
    #expect(costs.dropped == 30 && costs.ofAllBlocks == 40 && costs.share == 0.75)
    let unseen = [block(0, macs: 30, samples: nil), block(1, macs: 10, samples: nil)]
    #expect(BlockCosts(macsOf: [unseen[0]], among: unseen) == costs)
  }

  @Test func `a block of tokens counts once for each of them beside one of rows`() {
    let blocks = [
      block(0, macs: 1000, samples: 4), block(1, macs: 10, axis: .token, samples: 4 * 17),
      block(2, macs: 20, axis: .token, samples: 4 * 17),
    ]
    let costs = BlockCosts(macsOf: [blocks[1]], among: blocks)
    #expect(costs.dropped == 170 && costs.ofAllBlocks == 1000 + 170 + 340)
  }

  @Test func `stages of other numbers of tokens count by the fewest`() {
    let blocks = [
      block(0, macs: 10, axis: .token, samples: 64), block(1, macs: 40, axis: .token, samples: 16),
    ]
    #expect(BlockCosts(macsOf: [blocks[0]], among: blocks).share == 0.5)
  }

  @Test func `what is not known of one block is not known of the sum`() {
    let mixed = [block(0, macs: 10, samples: 4), block(1, macs: 10, axis: .token, samples: nil)]
    #expect(BlockCosts(macsOf: [mixed[0]], among: mixed).dropped == nil)
    let missing = [block(0, macs: nil, samples: 4), block(1, macs: 10, samples: 4)]
    let costs = BlockCosts(macsOf: [missing[1]], among: missing)
    #expect(costs.dropped == 10 && costs.ofAllBlocks == nil && costs.share == nil)
    let large = [block(0, macs: .max / 2, samples: 4), block(1, macs: 10, samples: 1)]
    #expect(BlockCosts(macsOf: [large[0]], among: large).dropped == nil)
  }
}
