internal import ProbeCore

/// What a run's blocks were removed from, in JSON: the probe set and the network's loss on it.
public struct ExaminationDocument: Encodable, Sendable {
  /// `step`: the optimizer steps done before it.
  public let step: Int
  /// `samples`: the rows of the probe set.
  public let samples: Int
  /// `planned`: the sets of blocks that it means to remove.
  public let planned: Int
  /// `measured`: those that it has removed so far.
  public let measured: Int
  /// `base_loss`: the mean loss of the network as it is.
  public let baseLoss: OrNull<Double>
  /// `base_error`: the share of wrong predictions of the network as it is, where they can be counted.
  public let baseError: OrNull<Double>
  /// `confidence`: of each bound of an ablation, one-sided.
  public let confidence: OrNull<Double>
  /// `tolerance`: what removing a block may cost, by the settings and this loss.
  public let tolerance: OrNull<Double>
  /// `together`: the sets of several blocks that were removed for their own sake, none of an order's.
  public let together: [JointAblationDocument]

  init(_ ablations: Ablations, settings: VerdictSettings) {
    let examination = ablations.examination
    step = examination.step
    samples = examination.samples
    planned = examination.planned
    measured = ablations.all.count
    baseLoss = OrNull(finite: examination.baseLoss)
    baseError = OrNull(finite: examination.baseError)
    confidence = OrNull(finite: examination.confidence)
    tolerance = OrNull(finite: settings.tolerance(of: examination))
    together = ablations.sets.map(JointAblationDocument.init)
  }
}

/// What removing several blocks together did, in JSON.
public struct JointAblationDocument: Encodable, Sendable {
  /// `ordinals`: the blocks, ascending.
  public let ordinals: [Int]
  /// `loss_change`: the mean loss of the probe set without them minus with them.
  public let lossChange: OrNull<ChangeDocument>
  /// `error_change`: the share of wrong predictions without them minus with them.
  public let errorChange: OrNull<ChangeDocument>
  /// `non_finite`: the samples whose loss became NaN or infinite.
  public let nonFinite: Int

  init(_ ablation: Ablation) {
    ordinals = ablation.ordinals
    lossChange = OrNull(ablation.loss.map(ChangeDocument.init))
    errorChange = OrNull(ablation.error.map(ChangeDocument.init))
    nonFinite = ablation.nonFinite
  }
}

/// What removing a block by itself did, in JSON.
public struct AblationDocument: Encodable, Sendable {
  /// `loss_change`: the mean loss of the probe set without the block minus with it.
  public let lossChange: OrNull<ChangeDocument>
  /// `error_change`: the share of wrong predictions without the block minus with it.
  public let errorChange: OrNull<ChangeDocument>
  /// `non_finite`: the samples whose loss became NaN or infinite.
  public let nonFinite: Int
  /// `identity_gap_p50`: the block's median gap over the probe set in eval mode.
  public let identityGapP50: OrNull<Double>

  init(_ ablation: Ablation) {
    lossChange = OrNull(ablation.loss.map(ChangeDocument.init))
    errorChange = OrNull(ablation.error.map(ChangeDocument.init))
    nonFinite = ablation.nonFinite
    identityGapP50 = OrNull(finite: ablation.identityGap.p50)
  }
}

/// A measured difference in JSON.
public struct ChangeDocument: Encodable, Sendable {
  /// `value`: the difference.
  public let value: OrNull<Double>
  /// `lower`: its lower bound, by a paired bootstrap over samples.
  public let lower: OrNull<Double>
  /// `upper`: its upper bound.
  public let upper: OrNull<Double>

  init(_ change: Ablation.Change) {
    value = OrNull(finite: change.value)
    lower = OrNull(finite: change.lower)
    upper = OrNull(finite: change.upper)
  }
}

/// What a verdict beside the gap rests on, in JSON; null where it was not asked.
public struct EvidenceDocument: Encodable, Sendable {
  /// `constant_fraction`: over the window, the share of F that is the same for every sample.
  public let constantFraction: OrNull<Double>
  /// `constant_lower`: its lower bound, where the mean lies above the settings' `constant_fraction`.
  public let constantLower: OrNull<Double>
  /// `perpendicular_ratio`: over the window, the part of the change that turns the stream.
  public let perpendicularRatio: OrNull<Double>
  /// `perpendicular_upper`: its upper bound, where the mean lies below ε.
  public let perpendicularUpper: OrNull<Double>

  init(_ verdict: BlockVerdict) {
    constantFraction = OrNull(finite: verdict.constantFraction?.value)
    constantLower = OrNull(finite: verdict.constantFraction?.bound)
    perpendicularRatio = OrNull(finite: verdict.perpendicularRatio?.value)
    perpendicularUpper = OrNull(finite: verdict.perpendicularRatio?.bound)
  }
}
