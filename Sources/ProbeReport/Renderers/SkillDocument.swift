internal import ProbeAnalysis

/// How well training statistics order the ablated blocks, in JSON.
public struct SkillDocument: Encodable, Sendable {
  /// `step`: the optimizer steps done before the examination.
  public let step: Int
  /// `is_older`: whether the examination came before the steps that the verdicts look at.
  public let isOlder: Bool
  /// `samples`: the rows of the probe set.
  public let samples: Int
  /// `blocks`: the blocks of the run.
  public let blocks: Int
  /// `ablated`: the single blocks ablated with a finite loss.
  public let ablated: Int
  /// `non_finite`: those without which a sample's loss was not finite.
  public let nonFinite: Int
  /// `reliability`: of the order by change of loss; null where the halves disagree.
  public let reliability: OrNull<Double>
  /// `noise_ceiling`: its square root, what a predictor of the true order is expected to reach.
  public let noiseCeiling: OrNull<Double>
  /// `predictors`: each with its correlation, in a fixed order.
  public let predictors: [PredictorDocument]

  init(_ skill: Skill, confidence: Double) {
    step = skill.step
    isOlder = skill.isOlder
    samples = skill.samples
    blocks = skill.blocks
    ablated = skill.ablated
    nonFinite = skill.nonFinite
    reliability = OrNull(finite: skill.reliability)
    noiseCeiling = OrNull(finite: skill.noiseCeiling)
    predictors = skill.predictors.map { PredictorDocument($0, confidence: confidence) }
  }
}

/// One predictor held against the ablations, in JSON.
public struct PredictorDocument: Encodable, Sendable {
  /// `predictor`: the statistic, or `position`.
  public let predictor: String
  /// `blocks`: the blocks that have it and were ablated, where a correlation could be computed.
  public let blocks: OrNull<Int>
  /// `spearman`: its rank correlation with the change of the loss.
  public let spearman: OrNull<Double>
  /// `lower`: the approximate lower bound.
  public let lower: OrNull<Double>
  /// `upper`: the approximate upper bound.
  public let upper: OrNull<Double>
  /// `given_position`: the rank correlation with the position taken out of both.
  public let givenPosition: OrNull<Double>

  init(_ row: Skill.Row, confidence: Double) {
    let bounds = row.correlation?.bounds(confidence: confidence)
    predictor = row.predictor.rawValue
    blocks = OrNull(row.correlation?.pairs)
    spearman = OrNull(finite: row.correlation?.value)
    lower = OrNull(finite: bounds?.lowerBound)
    upper = OrNull(finite: bounds?.upperBound)
    givenPosition = OrNull(finite: row.givenPosition)
  }
}
