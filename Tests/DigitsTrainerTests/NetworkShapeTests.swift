import DigitsTrainer
import ProbeCore
import Testing

@Suite struct NetworkShapeTests {
  @Test func `the block map describes residual blocks, held ones with fewer parameters`() {
    let blocks = NetworkShape(blocks: 4, held: [2]).blockMap.blocks
    #expect(blocks.map(\.name) == ["blocks.0", "blocks.1", "blocks.2", "blocks.3"])
    #expect(blocks.allSatisfy { $0.kind == .residual && $0.shortcut == .identity })
    #expect(blocks.allSatisfy { $0.activation == .relu && $0.shape == [32] && $0.macs == 2048 })
    #expect(blocks.map(\.parameters) == [2176, 2176, 2112, 2176])
  }

  @Test func `the block map describes plain blocks`() {
    let blocks = NetworkShape(blocks: 2, connection: .plain, width: 16).blockMap.blocks
    #expect(blocks.allSatisfy { $0.kind == .plain && $0.shortcut == .none && $0.canBeIdentity })
    #expect(blocks.allSatisfy { $0.shape == [16] })
  }

  @Test func `the block map counts what the network really trains`() {
    let shape = NetworkShape(blocks: 3, width: 16, held: [1])
    let network = Network<Float>(shape, seed: 1, largestBatch: 8)
    let trained = network.views(samples: 8).map { view in
      view.parameters.filter(\.isTrained).reduce(0) { $0 + $1.values.count }
    }
    #expect(shape.blockMap.blocks.map(\.parameters) == trained)
    #expect(shape.blockMap.blocks.map(\.name) == ["blocks.0", "blocks.1", "blocks.2"])
    #expect(
      network.parameters.map(\.name).filter { $0.hasPrefix("blocks.1.") } == [
        "blocks.1.first.weight", "blocks.1.first_norm.gamma", "blocks.1.first_norm.beta",
        "blocks.1.second.weight", "blocks.1.last_norm.gamma", "blocks.1.last_norm.beta",
      ])
  }
}
