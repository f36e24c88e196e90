public import ProbeCore

/// What papers state of networks like the one of a run (Published.md).
///
/// The network is recognised by its blocks: their number, kinds and shortcuts, and the streams' shapes
/// where those are known. What it was trained on is not known, and is never said to be the paper's data.
public struct PublishedReference: Sendable, Hashable {
  /// The network that the blocks are those of; nil where none is known.
  public let network: String?
  /// What it was recognised by.
  public let basis: Basis?
  /// What is published of it and of networks like it; of networks without shortcuts where none is
  /// known and the run's has none.
  public let numbers: [PublishedNumber]
  /// What papers found out about networks of its kind.
  public let statements: [PublishedStatement]
  /// How the run did on data that it was not trained on, as far as it logged that.
  public let tests: [TestMetric]

  /// What a network was recognised by.
  public struct Basis: Sendable, Hashable {
    /// The number of blocks.
    public let blocks: Int
    /// How many of them are projections.
    public let projections: Int
    /// The blocks of each stage of the paper.
    public let stages: [Int]
    /// The channels of the streams, where they are known.
    public let channels: [Int]?
    /// The side of the images at the first block, where it is known.
    public let side: Int?
    /// What that side is in the paper.
    public let publishedSide: Int
  }

  /// Residual networks of at least so many blocks count as deep: as many as ResNet-56 has.
  public static let deepBlocks = 27
  /// Networks on tokens of at least so many blocks count as deep: attention and MLP of twelve layers.
  public static let deepSublayers = 24

  /// Looks for what is published of a network of these blocks.
  public init(blocks: [Block], metrics: [FinalMetric] = []) {
    let architecture = Architecture(blocks)
    let found = PublishedNetwork.all.first { $0.matches(architecture) }
    network = found?.name
    basis = found.map { network in
      Basis(
        blocks: architecture.count, projections: architecture.projections,
        stages: architecture.sizes, channels: architecture.channels, side: architecture.side,
        publishedSide: network.side)
    }
    numbers = (found?.shown ?? Self.context(architecture)).flatMap { name in
      PublishedNumber.all.filter { $0.network == name }
    }
    statements = Self.statements(architecture)
    tests = TestMetric.all(in: metrics).filter { $0.measure != .loss }
  }

  /// The numbers of the network itself.
  public var own: [PublishedNumber] { numbers.filter { $0.network == network } }

  /// Networks without shortcuts, beside one on small images that is none of the known ones.
  private static func context(_ architecture: Architecture) -> [String] {
    guard architecture.kind == .plain, let side = architecture.side, side <= 32 else { return [] }
    return [
      "SimpleNet, no augmentation", "SimpleNet, augmented", "SimpNet, 5.4 M parameters",
      "SimpNet, 8.9 M parameters",
    ]
  }

  private static func statements(_ architecture: Architecture) -> [PublishedStatement] {
    guard architecture.kind == .residual else { return [] }
    if architecture.isOfTokens {
      return architecture.count >= deepSublayers ? [.deeperLayers, .sublayers] : []
    }
    return architecture.count >= deepBlocks ? [.unravelled] : []
  }
}
