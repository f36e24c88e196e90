public import ProbeCore

/// What a network looks like before it has numbers in it.
///
/// Linear(64 → width), BN, ReLU; then blocks of F = Linear–BN–ReLU–Linear–BN with y = relu(x + F), or
/// y = relu(F) where they are plain; then Linear(width → 10).
public struct NetworkShape: Sendable, Hashable {
  /// How a block joins its branch and its stream.
  public enum Connection: String, Sendable, CaseIterable {
    /// h = x + F.
    case residual
    /// h = F.
    case plain
  }

  /// The number of blocks.
  public let blockCount: Int
  /// How the blocks join.
  public let connection: Connection
  /// The width of the stream, a multiple of 8.
  public let width: Int
  /// The blocks, from 0, whose last BN has γ = β = 0 and is not trained: F = 0 and y = x for good.
  public let held: Set<Int>

  /// A network's shape; the width must be a multiple of 8, and only blocks of a residual network
  /// can be held.
  public init(
    blocks blockCount: Int, connection: Connection = .residual, width: Int = 32,
    held: Set<Int> = []
  ) {
    precondition(blockCount >= 0, "a network has no fewer than 0 blocks")
    precondition(width > 0 && width.isMultiple(of: 8), "the width is a multiple of 8")
    precondition(
      held.allSatisfy { (0..<blockCount).contains($0) }, "a held block is one of the blocks")
    precondition(
      held.isEmpty || connection == .residual, "a plain block held at F = 0 would cut the network")
    self.blockCount = blockCount
    self.connection = connection
    self.width = width
    self.held = held
  }

  /// The module path of a block: `blocks.3`.
  static func name(ofBlock ordinal: Int) -> String { "blocks.\(ordinal)" }

  /// The blocks as a recorder describes them.
  ///
  /// Parameters are those trained: two weight matrices and γ, β of two BNs, less the last BN's in a
  /// held block. Multiply–accumulates are those of the two matrices.
  public var blockMap: BlockMap {
    let blocks = (0..<blockCount).map { ordinal in
      Block(
        ordinal: ordinal, name: Self.name(ofBlock: ordinal),
        kind: connection == .residual ? .residual : .plain,
        shortcut: connection == .residual ? .identity : .none,
        activation: .relu, shape: [width],
        parameters: 2 * width * width + (held.contains(ordinal) ? 2 : 4) * width,
        macs: 2 * width * width)
    }
    do {
      return try BlockMap(blocks)
    } catch {
      preconditionFailure("blocks named by their ordinals make a map: \(error)")
    }
  }
}
