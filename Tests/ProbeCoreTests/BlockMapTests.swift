import ProbeCore
import Testing

@Suite struct BlockMapTests {
  private func problem(_ blocks: [Block]) -> BlockMap.Problem? {
    do throws(BlockMap.Problem) {
      _ = try BlockMap(blocks)
      return nil
    } catch { return error }
  }

  private func problem(_ change: (inout Block) -> Void) -> BlockMap.Problem? {
    var block = Block(ordinal: 0, name: "layer1.0")
    change(&block)
    return problem([block])
  }

  @Test func `Blocks in order with names of their own make a map`() throws {
    let blocks = [
      Block(ordinal: 0, name: "a", shape: [8, 4, 4], parameters: 0, macs: 0, dropProbability: 1),
      Block(ordinal: 1, name: "b", shortcut: .projection, stage: 1, gate: "b.gamma"),
      Block(ordinal: 2, name: "c", kind: .plain, shortcut: .none),
      Block(ordinal: 3, name: "d", kind: .concat, shortcut: .none),
    ]
    #expect(try BlockMap(blocks).blocks == blocks)
    #expect(try BlockMap([]).blocks.isEmpty)
  }

  @Test func `A map has a most of blocks`() {
    let most = (0..<BlockMap.maximumBlocks).map { Block(ordinal: $0, name: "\($0)") }
    #expect(problem(most) == nil)
    let one = Block(ordinal: BlockMap.maximumBlocks, name: "one more")
    #expect(problem(most + [one]) == .tooManyBlocks(16_385))
  }

  @Test func `An ordinal is the place in the map`() {
    let blocks = [Block(ordinal: 0, name: "a"), Block(ordinal: 2, name: "b")]
    #expect(problem(blocks) == .ordinalOutOfOrder(at: 1, found: 2))
    #expect(problem([Block(ordinal: -1, name: "a")]) == .ordinalOutOfOrder(at: 0, found: -1))
  }

  @Test func `A name stands once`() {
    let blocks = [Block(ordinal: 0, name: "a"), Block(ordinal: 1, name: "a")]
    #expect(problem(blocks) == .nameTwice("a"))
  }

  @Test func `A name has 1 to 512 bytes, however many characters those are`() {
    #expect(problem { $0.name = "" } == .nameLength(ordinal: 0, bytes: 0))
    #expect(problem { $0.name = String(repeating: "x", count: 512) } == nil)
    #expect(
      problem { $0.name = String(repeating: "x", count: 513) }
        == .nameLength(ordinal: 0, bytes: 513))
    #expect(
      problem { $0.name = String(repeating: "é", count: 257) }
        == .nameLength(ordinal: 0, bytes: 514))
  }

  @Test func `No count lies below zero`() {
    let below = BlockMap.Problem.impossible(ordinal: 0, what: "a count below zero")
    #expect(problem { $0.shape = [3, -1] } == below)
    #expect(problem { $0.stage = -1 } == below)
    #expect(problem { $0.parameters = -1 } == below)
    #expect(problem { $0.macs = -1 } == below)
  }

  @Test func `A shape has at most 8 dimensions`() {
    #expect(problem { $0.shape = Array(repeating: 1, count: 8) } == nil)
    #expect(
      problem { $0.shape = Array(repeating: 1, count: 9) }
        == .impossible(ordinal: 0, what: "a shape of more than 8 dimensions"))
  }

  @Test(arguments: [-0.1, 1.1, .nan, .infinity])
  func `A drop probability lies between 0 and 1`(probability: Double) {
    #expect(
      problem { $0.dropProbability = probability }
        == .impossible(ordinal: 0, what: "a drop probability outside 0 to 1"))
  }

  @Test func `A gate's name has at most 512 bytes`() {
    #expect(problem { $0.gate = String(repeating: "g", count: 512) } == nil)
    #expect(
      problem { $0.gate = String(repeating: "g", count: 513) }
        == .impossible(ordinal: 0, what: "a gate name over 512 bytes"))
  }

  @Test(arguments: [
    (Block.Kind.residual, Block.Shortcut.none, "a residual block with shortcut none"),
    (.plain, .identity, "a plain block with shortcut identity"),
    (.plain, .projection, "a plain block with shortcut projection"),
  ])
  func `A kind has shortcuts that it cannot have`(
    kind: Block.Kind, shortcut: Block.Shortcut, what: String
  ) {
    let found = problem {
      $0.kind = kind
      $0.shortcut = shortcut
    }
    #expect(found == .impossible(ordinal: 0, what: what))
  }

  @Test func `Only an identity shortcut and a plain block can be an identity`() {
    func can(_ kind: Block.Kind, _ shortcut: Block.Shortcut) -> Bool {
      Block(ordinal: 0, name: "a", kind: kind, shortcut: shortcut).canBeIdentity
    }
    #expect(can(.residual, .identity))
    #expect(can(.plain, .none))
    #expect(!can(.residual, .projection))
    #expect(!can(.concat, .none))
    #expect(!can(.concat, .identity))
  }
}
