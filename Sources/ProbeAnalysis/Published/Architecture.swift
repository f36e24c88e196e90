import ProbeCore

/// How a network is built, as far as its blocks tell: what published networks are recognised by.
struct Architecture {
  /// What all blocks are; nil where they are not of one kind.
  let kind: Block.Kind?
  /// The blocks of each group: of residual networks a projection begins a group, else a stage does.
  let groups: [[Block]]
  /// The projections among the blocks.
  let projections: Int
  /// The channels of each group's stream; nil where they are not known.
  let channels: [Int]?
  /// The side of the first stream's images, where they are square.
  let side: Int?
  /// Whether a ReLU follows the adds.
  let isPostActivation: Bool
  /// Whether stochastic depth drops branches.
  let drops: Bool
  /// Whether samples are tokens.
  let isOfTokens: Bool

  init(_ blocks: [Block]) {
    let kinds = Set(blocks.map(\.kind))
    kind = kinds.count == 1 ? kinds.first : nil
    let isResidual = kind == .residual
    var groups: [[Block]] = []
    for block in blocks {
      let begins =
        isResidual ? block.shortcut == .projection : block.stage != groups.last?.last?.stage
      if begins || groups.isEmpty {
        groups.append([block])
      } else {
        groups[groups.count - 1].append(block)
      }
    }
    self.groups = groups
    projections = blocks.count { $0.shortcut == .projection }
    // A projection's own stream still has the shape of the group before.
    let images = groups.map { group in
      group.last { $0.shortcut != .projection }.flatMap { Self.image($0.shape) }
    }
    channels = images.contains { $0 == nil } ? nil : images.compactMap { $0?.channels }
    side = groups.first?.first.flatMap { Self.image($0.shape)?.side }
    isPostActivation = !blocks.isEmpty && blocks.allSatisfy { $0.activation == .relu }
    drops = blocks.contains { ($0.dropProbability ?? 0) > 0 }
    isOfTokens = blocks.contains { $0.sampleAxis == .token }
  }

  /// The blocks of each group.
  var sizes: [Int] { groups.map(\.count) }

  /// The number of blocks.
  var count: Int { sizes.reduce(0, +) }

  /// The channels that each dense block adds, where all add the same; nil where that is not known.
  var growth: Int? {
    let steps = groups.flatMap { group in
      zip(group, group.dropFirst()).map { a, b -> Int? in
        guard let before = Self.image(a.shape), let after = Self.image(b.shape) else { return nil }
        return after.channels - before.channels
      }
    }
    guard let first = steps.first, steps.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// The parameters of the first block that is the identity in its group; nil where not known.
  var blockParameters: Int? {
    groups.first?.first { $0.shortcut != .projection }?.parameters
  }

  /// Channels and side of a stream of square images, channels first or last.
  private static func image(_ shape: [Int]) -> (channels: Int, side: Int)? {
    guard shape.count == 3 else { return nil }
    if shape[1] == shape[2] { return (shape[0], shape[1]) }
    return shape[0] == shape[1] ? (shape[2], shape[0]) : nil
  }
}
