/// The blocks of one run, by ordinal: `blocks[i].ordinal == i`, names unique.
public struct BlockMap: Sendable, Hashable {
  /// The blocks in network order.
  public let blocks: [Block]

  /// Why a list of blocks is no block map.
  public enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
    /// There are more blocks than a map may hold.
    case tooManyBlocks(Int)
    /// The block at this place does not carry its place as ordinal.
    case ordinalOutOfOrder(at: Int, found: Int)
    /// Two blocks share a name.
    case nameTwice(String)
    /// A name is empty or longer than ``maximumNameLength`` bytes of UTF-8.
    case nameLength(ordinal: Int, bytes: Int)
    /// Another part of a block cannot be: a negative count, a probability outside 0 … 1.
    case impossible(ordinal: Int, what: String)

    /// One clause in words, without a full stop.
    public var description: String {
      switch self {
      case .tooManyBlocks(let count): "it has \(count) blocks (\(maximumBlocks) are allowed)"
      case .ordinalOutOfOrder(let place, let found): "block \(place) says it is block \(found)"
      case .nameTwice(let name): "two blocks are named \(name)"
      case .nameLength(let ordinal, let bytes):
        "the name of block \(ordinal) has \(bytes) bytes (1 to \(maximumNameLength) are allowed)"
      case .impossible(let ordinal, let what): "block \(ordinal) states \(what)"
      }
    }
  }

  /// The most blocks a map may hold.
  public static let maximumBlocks = 16_384
  /// The most bytes of UTF-8 a block's name may take.
  public static let maximumNameLength = 512

  /// Checks a list of blocks: throws the first ``Problem`` found.
  public init(_ blocks: [Block]) throws(Problem) {
    guard blocks.count <= Self.maximumBlocks else { throw .tooManyBlocks(blocks.count) }
    var names: Set<String> = []
    for (place, block) in blocks.enumerated() {
      guard block.ordinal == place else {
        throw .ordinalOutOfOrder(at: place, found: block.ordinal)
      }
      let bytes = block.name.utf8.count
      guard (1...Self.maximumNameLength).contains(bytes) else {
        throw .nameLength(ordinal: place, bytes: bytes)
      }
      guard names.insert(block.name).inserted else { throw .nameTwice(block.name) }
      try Self.check(block)
    }
    self.blocks = blocks
  }

  private static func check(_ block: Block) throws(Problem) {
    let counts = block.shape + [block.stage, block.parameters ?? 0, block.macs ?? 0]
    guard counts.allSatisfy({ $0 >= 0 }) else {
      throw .impossible(ordinal: block.ordinal, what: "a count below zero")
    }
    guard block.shape.count <= Block.maximumDimensions else {
      throw .impossible(
        ordinal: block.ordinal,
        what: "a shape of more than \(Block.maximumDimensions) dimensions")
    }
    if let p = block.dropProbability, !(0...1).contains(p) {
      throw .impossible(ordinal: block.ordinal, what: "a drop probability outside 0 to 1")
    }
    if (block.gate?.utf8.count ?? 0) > maximumNameLength {
      throw .impossible(ordinal: block.ordinal, what: "a gate name over 512 bytes")
    }
    switch (block.kind, block.shortcut) {
    case (.residual, .none), (.plain, .identity), (.plain, .projection):
      throw .impossible(
        ordinal: block.ordinal,
        what: "a \(block.kind.rawValue) block with shortcut \(block.shortcut.rawValue)")
    default: break
    }
  }
}
