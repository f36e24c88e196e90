internal import ProbeCore

/// The statistics of a block in JSON, named as in Statistics.md.
///
/// `identity_gap`, `residual_ratio`, `cosine` and `taylor_importance` speak of the verdict's
/// window; all others of the latest record, at `latest_step`.
public struct StatisticsDocument: Encodable, Sendable {
  /// `latest_step`: the step of the latest record.
  public let latestStep: OrNull<Int>
  /// `counts`: what the latest record rests on.
  public let counts: CountsDocument
  /// `identity_gap`: ‖y − x‖/‖x‖.
  public let identityGap: GapDocument
  /// `residual_ratio`: ‖F‖/‖x‖.
  public let residualRatio: RatioDocument
  /// `cosine`: the direction of F against x.
  public let cosine: MeanDocument
  /// `taylor_importance`: |⟨n·g, F⟩|; it orders the blocks of one run and is no cost.
  public let taylorImportance: TaylorDocument
  /// `perpendicular_ratio`: the part of the change that turns x.
  public let perpendicularRatio: MeanDocument
  /// `angular_distance`: the angle between x and y over π.
  public let angularDistance: MeanDocument
  /// `block_influence`: 1 − cos(x, y).
  public let blockInfluence: MeanDocument
  /// `output_grad_norm`: ‖∂ℓ/∂h‖ of one sample.
  public let outputGradNorm: MeanDocument
  /// `branch_gain`: ‖∂ℓ/∂x − g‖/‖g‖ of one sample.
  public let branchGain: MeanDocument
  /// `stream_rms`: the root mean square of x.
  public let streamRms: OrNull<Double>
  /// `branch_rms`: the root mean square of F.
  public let branchRms: OrNull<Double>
  /// `gate_gradient`: Σ γ∂γ + β∂β of the last norm, or its like.
  public let gateGradient: OrNull<Double>
  /// `weight_norm`: ‖θ‖.
  public let weightNorm: OrNull<Double>
  /// `gradient_norm`: ‖∂ℓ/∂θ‖, unscaled, after clipping.
  public let gradientNorm: OrNull<Double>
  /// `update_ratio`: ‖Δθ‖/‖θ‖.
  public let updateRatio: OrNull<Double>
  /// `gate_rms`: the root mean square of the gate.
  public let gateRms: OrNull<Double>
  /// `constant_fraction`: the share of F that is the same for every sample.
  public let constantFraction: OrNull<Double>
  /// `dead_fraction`: the share of samples with F = 0.
  public let deadFraction: OrNull<Double>
  /// `absorbed_fraction`: the share of elements that rounding swallows.
  public let absorbedFraction: OrNull<Double>

  init(_ row: BlockRow) {
    let latest = row.latest?.statistics ?? BlockStatistics(ordinal: row.block.ordinal)
    latestStep = OrNull(row.latest?.step)
    counts = CountsDocument(latest)
    identityGap = GapDocument(row.gap)
    residualRatio = RatioDocument(row.ratio)
    cosine = MeanDocument(mean: OrNull(finite: row.cosine))
    taylorImportance = TaylorDocument(row)
    perpendicularRatio = MeanDocument(latest.perpendicularRatio)
    angularDistance = MeanDocument(latest.angularDistance)
    blockInfluence = MeanDocument(latest.blockInfluence)
    outputGradNorm = MeanDocument(latest.outputGradNorm)
    branchGain = MeanDocument(latest.branchGain)
    streamRms = OrNull(finite: latest.streamRMS?.rms)
    branchRms = OrNull(finite: latest.branchRMS?.rms)
    gateGradient = OrNull(finite: latest.gateGradient)
    weightNorm = OrNull(finite: latest.weightNorm)
    gradientNorm = OrNull(finite: latest.gradientNorm)
    updateRatio = OrNull(finite: latest.updateRatio)
    gateRms = OrNull(finite: latest.gateRMS)
    constantFraction = OrNull(finite: latest.constantFraction?.value)
    deadFraction = OrNull(finite: latest.deadFraction?.value)
    absorbedFraction = OrNull(finite: latest.absorbedFraction?.value)
  }
}

/// What a record rests on.
public struct CountsDocument: Encodable, Sendable {
  /// `samples`: the samples that reached the block.
  public let samples: Int
  /// `micro_batches`: the micro-batches pooled.
  public let microBatches: Int
  /// `dropped`: the samples whose branch stochastic depth dropped.
  public let dropped: Int
  /// `undefined`: the samples whose stream is zero.
  public let undefined: Int
  /// `non_finite`: the samples with a value that is not finite.
  public let nonFinite: Int

  init(_ statistics: BlockStatistics) {
    samples = statistics.samples
    microBatches = statistics.microBatches
    dropped = statistics.dropped
    undefined = statistics.undefined
    nonFinite = statistics.nonFinite
  }
}

/// A statistic of which the mean is shown.
public struct MeanDocument: Encodable, Sendable {
  /// `mean`: the mean over samples; null without any.
  public let mean: OrNull<Double>
}

extension MeanDocument {
  init(_ moments: Moments) { mean = OrNull(finite: moments.n > 0 ? moments.mean : nil) }
}
