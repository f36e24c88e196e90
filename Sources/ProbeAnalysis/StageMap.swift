import ProbeCore

/// The stages of a network, each projection in the stage that it leads into.
///
/// A recorder puts a block into the stage of the stream that comes in; but what a projection makes is of
/// the stage behind it, and a ResNet-8 has nothing else there. So a projection belongs to the stage of
/// the block that follows it. One at the very end leads into a stage of its own, unless its network has
/// projections that lead into none.
struct StageMap {
  /// The stage of each block, rising by one from 0.
  let stages: [Int]
  /// The shape of the stream in each stage, nil where it is not known; empty where none is.
  ///
  /// Of dense blocks, whose streams grow with depth, that of the first stage alone.
  let shapes: [[Int]?]

  init(_ blocks: [Block]) {
    var stages: [Int] = []
    var shapes: [[Int]?] = []
    var before: Int?
    let isLastAlone = Self.leadsOn(blocks)
    for (place, block) in blocks.enumerated() {
      let isProjection = block.shortcut == .projection
      let next = isProjection && place + 1 < blocks.count ? blocks[place + 1] : nil
      let isEnd = isProjection && place + 1 == blocks.count && isLastAlone
      let own = isEnd ? nil : next?.stage ?? block.stage
      if stages.isEmpty || own == nil || own != before {
        let shape = isEnd ? [] : next?.shape ?? block.shape
        shapes.append(shape.isEmpty ? nil : shape)
      }
      before = own
      stages.append(shapes.count - 1)
    }
    self.stages = stages
    let known = blocks.contains { $0.kind == .concat } ? Array(shapes.prefix(1)) : shapes
    self.shapes = known.contains { $0 != nil } ? known : []
  }

  /// Whether the last block is a projection and all before it lead into new stages.
  private static func leadsOn(_ blocks: [Block]) -> Bool {
    guard blocks.last?.shortcut == .projection else { return false }
    let others = zip(blocks, blocks.dropFirst()).filter { $0.0.shortcut == .projection }
    return others.allSatisfy { $0.0.stage != $0.1.stage }
  }
}
