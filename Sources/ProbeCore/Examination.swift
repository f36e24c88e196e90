/// A fixed probe set put through a network in eval mode, at one state of its parameters.
public struct Examination: Sendable, Hashable {
  /// Its identity: it follows from run, step, probe set and parameters, so the same again goes on.
  public var identity: Identity
  /// The optimizer steps done before it.
  public var step: Int
  /// The samples of the probe set: rows of its batches.
  public var samples: Int
  /// The sets of blocks that it means to remove in all.
  public var planned: Int
  /// The mean loss of the network as it is; finite.
  ///
  /// Unit: the loss function's (nats for cross-entropy).
  public var baseLoss: Double
  /// The share of wrong predictions of the network as it is; nil where they cannot be counted.
  public var baseError: Double?
  /// The one-sided confidence of each bound, above 0.5 and below 1.
  public var confidence: Double

  /// The fewest samples that a probe set may have.
  public static let minimumSamples = 2

  /// An examination.
  public init(
    identity: Identity, step: Int, samples: Int, planned: Int, baseLoss: Double,
    baseError: Double? = nil, confidence: Double = 0.95
  ) {
    self.identity = identity
    self.step = step
    self.samples = samples
    self.planned = planned
    self.baseLoss = baseLoss
    self.baseError = baseError
    self.confidence = confidence
  }
}

/// What removing a set of blocks did to the loss of an examination's probe set: F = 0 in each of them,
/// a plain block replaced by the identity, a dense block's new maps by zeros.
public struct Ablation: Sendable, Hashable {
  /// A difference that was measured, with its paired-bootstrap bounds.
  public struct Change: Sendable, Hashable {
    /// The difference: without the blocks minus with them.
    public var value: Double
    /// The lower bound, one-sided.
    public var lower: Double
    /// The upper bound, one-sided.
    public var upper: Double

    /// A difference with its bounds.
    public init(value: Double, lower: Double, upper: Double) {
      self.value = value
      self.lower = lower
      self.upper = upper
    }
  }

  /// The change of the loss over two halves of the probe set, for the noise ceiling.
  public struct Halves: Sendable, Hashable {
    /// The mean over the samples 0, 2, 4 ….
    public var even: Double
    /// The mean over the samples 1, 3, 5 ….
    public var odd: Double
    /// The standard error of `even`, for whoever chooses by it; the store does not keep it.
    public var evenError: Double?

    /// Two halves.
    public init(even: Double, odd: Double, evenError: Double? = nil) {
      self.even = even
      self.odd = odd
      self.evenError = evenError
    }
  }

  /// The blocks that were removed together, ascending.
  public var ordinals: [Int]
  /// When it was measured.
  ///
  /// Unit: seconds since 1970.
  public var wallTime: Double
  /// The change of each sample's loss, over the samples that kept a finite one.
  public var lossChanges: Moments
  /// The samples whose loss was not finite without the blocks.
  public var nonFinite = 0
  /// The mean change of the loss with its bounds; nil where a sample's loss was not finite.
  public var loss: Change?
  /// The two halves; nil where a sample's loss was not finite.
  public var halves: Halves?
  /// The change of the share of wrong predictions; nil where they cannot be counted.
  public var error: Change?
  /// The block's gap over the probe set in eval mode; empty where several were removed or it has none.
  public var identityGap = LogDistribution()

  /// An ablation.
  public init(ordinals: [Int], wallTime: Double, lossChanges: Moments) {
    self.ordinals = ordinals
    self.wallTime = wallTime
    self.lossChanges = lossChanges
  }
}

/// An examination with what it has measured so far.
public struct Ablations: Sendable, Hashable {
  /// The examination.
  public var examination: Examination
  /// The ablations, in the order of their blocks.
  public var all: [Ablation]
  /// The orders that sets of blocks were removed in, each a whole one.
  public var orders: [RemovalOrder]
  /// How alike pairs of blocks are, by the earlier block and then the later one.
  public var similarities: [Similarity]
  /// What each dense block reads, in their order.
  public var reuse: [Reuse]

  /// An examination and what it measured.
  public init(
    _ examination: Examination, _ all: [Ablation], orders: [RemovalOrder] = [],
    similarities: [Similarity] = [], reuse: [Reuse] = []
  ) {
    self.examination = examination
    self.all = all
    self.orders = orders
    self.similarities = similarities
    self.reuse = reuse
  }

  /// The ablations of single blocks by ordinal.
  public var singles: [Int: Ablation] {
    Dictionary(
      all.filter { $0.ordinals.count == 1 }.map { ($0.ordinals[0], $0) },
      uniquingKeysWith: { $1 })
  }

  /// Whether all that was planned is measured.
  public var isComplete: Bool { all.count >= examination.planned }
}
