/// A sampled statistic whose values are kept as a distribution of their logarithms.
///
/// `identity_gap` and `residual_ratio` (Statistics.md). Percentiles are nearest rank
/// ⌈pn⌉ over the step's samples on one rank, micro-batches pooled (over a uniform sample of them where
/// a recorder's memory is bounded); nil while `n` is 0.
public struct LogDistribution: Sendable, Hashable {
  /// The number of samples with a value, zeros included.
  public var n = 0
  /// Count, mean and squared deviations of the natural logarithms of the values above zero.
  public var logs = Moments()
  /// The median.
  public var p50: Double?
  /// The 90th percentile.
  public var p90: Double?
  /// The 99th percentile.
  public var p99: Double?
  /// The greatest value.
  public var max: Double?

  /// A distribution of no samples.
  public init() {}

  /// A distribution from what was kept of it.
  public init(n: Int, logs: Moments, p50: Double?, p90: Double?, p99: Double?, max: Double?) {
    self.n = n
    self.logs = logs
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.max = max
  }
}

/// A pooled root mean square: one number over all elements of a batch.
public struct PooledRMS: Sendable, Hashable {
  /// The number of elements.
  public var n: Int
  /// The root of the mean square of the elements.
  public var rms: Double

  /// A root mean square over `n` elements.
  public init(n: Int, rms: Double) {
    self.n = n
    self.rms = rms
  }
}

/// A share of something counted: `value` of `n`.
public struct Fraction: Sendable, Hashable {
  /// How many were looked at.
  public var n: Int
  /// The share, 0 … 1 (an unbiased estimate may lie slightly outside).
  public var value: Double

  /// A share over `n`.
  public init(n: Int, value: Double) {
    self.n = n
    self.value = value
  }
}

/// Everything measured on one block at one step, on one rank.
///
/// Statistics as in Statistics.md, under the same names. Absent (not measured) is nil
/// or a distribution with `n` = 0; undefined and non-finite samples are counted.
///
/// A verdict's window holds a hundred thousand of these and looks at the gap, the ratio, the cosine,
/// Taylor importance, the perpendicular ratio, the angle and the constant fraction: the other statistics are kept
/// aside, in storage that copies share and that is not there while they are empty (400 bytes each
/// instead of 664).
public struct BlockStatistics: Sendable, Hashable {
  /// The block's ordinal in its run's block map.
  public var ordinal: Int
  /// The samples that reached the block, over all micro-batches.
  public var samples = 0
  /// The micro-batches pooled into this step.
  public var microBatches = 0
  /// The samples whose branch stochastic depth dropped; they enter no statistic.
  public var dropped = 0
  /// The samples whose stream is zero: the gap is undefined.
  public var undefined = 0
  /// The samples with a value that is not finite; they enter no statistic.
  public var nonFinite = 0

  /// √(q/a): ‖y − x‖/‖x‖, the measure of identity.
  public var identityGap = LogDistribution()
  /// How the gap spreads over samples; empty where the gap is not defined for the block.
  public var identityGapHistogram = GapHistogram()
  /// √(b/a): ‖F‖/‖x‖.
  public var residualRatio = LogDistribution()
  /// c/√(ab): the direction of F against x.
  public var cosine = Moments()
  /// √max(0, q − r²/a)/√a: the part of the change that turns x.
  public var perpendicularRatio = Moments()
  /// The angle between x and y over π.
  public var angularDistance = Moments()
  /// 1 − cos(x, y).
  public var blockInfluence: Moments {
    get { aside.value.blockInfluence }
    _modify { yield &aside.value.blockInfluence }
  }
  /// The root mean square of x over all elements.
  public var streamRMS: PooledRMS? {
    get { aside.value.streamRMS }
    _modify { yield &aside.value.streamRMS }
  }
  /// The root mean square of F over all elements.
  public var branchRMS: PooledRMS? {
    get { aside.value.branchRMS }
    _modify { yield &aside.value.branchRMS }
  }
  /// ‖n·g‖ of one sample, g = ∂ℓ/∂h and n the samples of the micro-batch: the norm of the gradient of the sample's own loss.
  public var outputGradNorm: Moments {
    get { aside.value.outputGradNorm }
    _modify { yield &aside.value.outputGradNorm }
  }
  /// ‖∂ℓ/∂x − g‖/‖g‖ of one sample.
  public var branchGain: Moments {
    get { aside.value.branchGain }
    _modify { yield &aside.value.branchGain }
  }
  /// |⟨n·g, F⟩| of one sample.
  public var taylorImportance = Moments()
  /// The mean of ⟨n·g, F⟩ with its sign, over the samples of `taylorImportance`.
  public var taylorSignedMean: Double? {
    get { aside.value.taylorSignedMean }
    _modify { yield &aside.value.taylorSignedMean }
  }
  /// Σ γ∂γ + β∂β of the last norm, or ⟨W, ∂W⟩ + ⟨b, ∂b⟩ of a last linear map.
  public var gateGradient: Double? {
    get { aside.value.gateGradient }
    _modify { yield &aside.value.gateGradient }
  }
  /// ‖θ‖ of the block's parameters.
  public var weightNorm: Double? {
    get { aside.value.weightNorm }
    _modify { yield &aside.value.weightNorm }
  }
  /// ‖∂ℓ/∂θ‖ of the block's parameters, unscaled, after clipping.
  public var gradientNorm: Double? {
    get { aside.value.gradientNorm }
    _modify { yield &aside.value.gradientNorm }
  }
  /// ‖Δθ‖/‖θ‖ of the last update.
  public var updateRatio: Double? {
    get { aside.value.updateRatio }
    _modify { yield &aside.value.updateRatio }
  }
  /// The root mean square of the gate: last-norm γ, LayerScale or ReZero α.
  public var gateRMS: Double? {
    get { aside.value.gateRMS }
    _modify { yield &aside.value.gateRMS }
  }
  /// 1 − Var(F)/E‖F‖², unbiased over at least 8 samples.
  public var constantFraction: Fraction?
  /// The share of samples with F = 0.
  public var deadFraction: Fraction? {
    get { aside.value.deadFraction }
    _modify { yield &aside.value.deadFraction }
  }
  /// The share of elements with F ≠ 0 for which x + F == x in the stream's type.
  public var absorbedFraction: Fraction? {
    get { aside.value.absorbedFraction }
    _modify { yield &aside.value.absorbedFraction }
  }

  private var aside = Aside()

  /// Statistics of a block, still empty.
  public init(ordinal: Int) { self.ordinal = ordinal }
}
