/// A residual block, or its stand-in in a plain or dense network.
public struct Block: Sendable, Hashable {
  /// How the block joins what it computes to what it was given.
  public enum Kind: String, Sendable, CaseIterable {
    /// h = s(x) + F.
    case residual
    /// No shortcut: y = F(x), equal shapes; F is then taken as y − x.
    case plain
    /// y = [x, new]: a dense block.
    case concat
  }

  /// What is added to F.
  public enum Shortcut: String, Sendable, CaseIterable {
    /// The stream itself.
    case identity
    /// Anything but the stream itself: a convolution, a padded subsampling.
    case projection
    /// Nothing.
    case none
  }

  /// What counts as one sample.
  public enum SampleAxis: String, Sendable, CaseIterable {
    /// One row of the batch.
    case row
    /// One token: every leading position.
    case token
  }

  /// The elementwise activation that directly follows the add (φ in Statistics.md).
  public enum Activation: String, Sendable, CaseIterable {
    /// y = h.
    case identity
    /// y = max(h, 0).
    case relu
  }

  /// The place in the network, counted from 0.
  public var ordinal: Int
  /// The module path, unique in the run; not trusted to be printable.
  public var name: String
  /// How it joins branch and stream.
  public var kind: Kind
  /// What is added to the branch.
  public var shortcut: Shortcut
  /// The number of the maximal run of blocks whose stream has one shape, counted from 0.
  public var stage: Int
  /// What counts as one sample.
  public var sampleAxis: SampleAxis
  /// The activation after the add.
  public var activation: Activation
  /// The shape of the stream without its sample axis; empty where unknown.
  public var shape: [Int]
  /// The number of trained parameters in the branch, where known.
  public var parameters: Int?
  /// The multiply–accumulates of the branch for one sample, where known.
  public var macs: Int?
  /// What scales the branch as a whole (a LayerScale, a ReZero α), by module path, where there is one.
  public var gate: String?
  /// The configured probability that stochastic depth drops the branch, where it is used.
  public var dropProbability: Double?

  /// The most dimensions that a shape may have.
  public static let maximumDimensions = 8

  /// Describes a block; what is left out is unknown or absent.
  public init(
    ordinal: Int, name: String, kind: Kind = .residual, shortcut: Shortcut = .identity,
    stage: Int = 0, sampleAxis: SampleAxis = .row, activation: Activation = .identity,
    shape: [Int] = [], parameters: Int? = nil, macs: Int? = nil, gate: String? = nil,
    dropProbability: Double? = nil
  ) {
    self.ordinal = ordinal
    self.name = name
    self.kind = kind
    self.shortcut = shortcut
    self.stage = stage
    self.sampleAxis = sampleAxis
    self.activation = activation
    self.shape = shape
    self.parameters = parameters
    self.macs = macs
    self.gate = gate
    self.dropProbability = dropProbability
  }

  /// Whether "y = x" can be asked of the block at all: not of projections and dense blocks.
  public var canBeIdentity: Bool {
    switch kind {
    case .residual: shortcut == .identity
    case .plain: true
    case .concat: false
    }
  }
}
