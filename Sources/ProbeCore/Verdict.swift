/// What an analysis says of one block (Verdicts.md).
public enum Verdict: String, Sendable, CaseIterable {
  /// "y = x" cannot be asked of the block: a projection, a dense block, a changed shape.
  case notApplicable = "not_applicable"
  /// The evidence does not decide; ``BlockVerdict/missing`` says what is missing.
  case undetermined
  /// The gap's upper bound lies below the strict ε for at least the spread's share of samples.
  case strictIdentity = "strict_identity"
  /// The gap's upper bound lies below ε for at least the spread's share of samples.
  case nearIdentity = "near_identity"
  /// The gap's upper bound lies below ε, but not for enough of the samples.
  case partialIdentity = "partial_identity"
  /// The branch adds the same to every sample.
  case constant
  /// The branch only rescales the stream.
  case rescaleOnly = "rescale_only"
  /// Removing the block was measured to cost less than the tolerance.
  case lowInfluence = "low_influence"
  /// The block does something, as far as was measured.
  case active

  /// Whether the verdict calls the block an identity for its samples.
  public var isIdentity: Bool { self == .strictIdentity || self == .nearIdentity }

  /// Whether the verdict predicts that the network does without the block: what an ablation then
  /// confirms or contradicts.
  ///
  /// Not so `constant` and `rescaleOnly`: a bias or a factor can take the block's place, not nothing.
  public var predictsNothing: Bool { isIdentity || self == .partialIdentity }
}

/// Where an identity comes from.
public enum Origin: String, Sendable, CaseIterable {
  /// The median gap was below 2ε on every record since the first.
  case atBirth = "at_birth"
  /// The median gap was at or above 2ε once and fell below it for good.
  case collapsed
}

/// What the ablation of a block makes of a verdict that predicts it does nothing.
public enum Confirmation: String, Sendable, CaseIterable {
  /// Removing the block costs less than the tolerance, by the upper bound.
  case confirmed
  /// Removing the block costs more than the tolerance, by the lower bound.
  case contradicted
  /// The bounds lie on both sides of the tolerance.
  case open
}

/// What keeps an analysis from a verdict.
public enum Missing: Sendable, Hashable, CustomStringConvertible {
  /// The window holds fewer records than it needs.
  case records(have: Int, need: Int)
  /// The window holds values that are not finite, first at this step.
  case finiteValues(firstStep: Int, samples: Int)
  /// More than half of the samples were masked or undefined.
  case unmaskedSamples(share: Double)
  /// The window holds fewer samples than it needs.
  case samples(have: Int, need: Int)
  /// The interval of the gap holds ε.
  case decidedInterval(lower: Double, upper: Double, epsilon: Double)
  /// The block's own bound is below ε, but not once all blocks are counted (Holm).
  case confidenceAmongBlocks(adjusted: Double)

  /// One clause in words, without a full stop.
  public var description: String {
    switch self {
    case .records(let have, let need):
      "\(counted(need - have, "more record")) after warm-up and the last phase change (\(have) of \(need))"
    case .finiteValues(let step, let samples):
      "finite values: \(counted(samples, "sample")) with NaN or infinity, first at step \(step)"
    case .unmaskedSamples(let share):
      "samples: \(share.isFinite ? Int((share * 100).rounded()) : 100) % were dropped or have a zero stream"
    case .samples(let have, let need):
      "\(counted(need - have, "more sample")) in the window (\(have) of \(need))"
    case .decidedInterval(_, _, let epsilon):
      "a narrower interval: the gap's bounds lie on both sides of \(epsilon)"
    case .confidenceAmongBlocks(let adjusted):
      "confidence among all blocks: the adjusted p is \((adjusted * 1000).rounded(.up) / 1000)"
    }
  }

  private func counted(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}

/// The verdict on one block with its evidence.
public struct BlockVerdict: Sendable, Hashable {
  /// The block's ordinal.
  public var ordinal: Int
  /// What is said.
  public var verdict: Verdict
  /// Where the identity comes from; only with an identity verdict, and only where its birth or collapse was seen.
  public var origin: Origin?
  /// The first record after the last with a median gap of 2ε or more; only with an identity verdict.
  public var sinceStep: Int?
  /// The last step of the window.
  public var atStep: Int?
  /// The first step of the window.
  public var windowStart: Int?
  /// The records with a median gap in the window.
  public var records: Int
  /// The centre of the interval: the geometric mean of the median gap over the window.
  public var gap: Double?
  /// The lower confidence bound of the gap.
  public var lower: Double?
  /// The upper confidence bound of the gap, drift included.
  public var upper: Double?
  /// 1 − adjusted p over all blocks; only with an identity verdict.
  public var confidence: Double?
  /// The share of the window's samples with a gap below 2ε; nil without a histogram.
  public var share: Double?
  /// What is missing; only with `undetermined`.
  public var missing: Missing?
  /// The share of F that is the same for every sample, over the window, with its lower bound.
  public var constantFraction: Bounded?
  /// The part of the change that turns the stream, over the window, with its upper bound.
  public var perpendicularRatio: Bounded?
  /// What removing the block did to the loss of the probe set; nil where it was not measured.
  public var lossChange: Ablation.Change?
  /// What the ablation makes of a verdict that predicts the block does nothing; nil without either.
  public var confirmation: Confirmation?

  /// A mean over the window and the bound that its verdict rests on.
  public struct Bounded: Sendable, Hashable {
    /// The mean.
    public var value: Double
    /// The one-sided confidence bound; nil where the mean alone already decides against the verdict.
    public var bound: Double?

    /// A mean with a bound.
    public init(value: Double, bound: Double?) {
      self.value = value
      self.bound = bound
    }
  }

  /// A verdict still without evidence.
  public init(ordinal: Int, verdict: Verdict) {
    self.ordinal = ordinal
    self.verdict = verdict
    records = 0
  }
}

/// The settings that verdicts depend on.
public struct VerdictSettings: Sendable, Hashable {
  /// A gap below this is near identity.
  public var epsilon = 0.05
  /// A gap below this is strict identity.
  public var strictEpsilon = 0.01
  /// The one-sided confidence of each bound.
  public var confidence = 0.95
  /// The fewest records in a window, and the fewest that decide.
  public var minimumRecords = 20
  /// The share of the run's last steps that a window spans.
  public var windowShare = 0.2
  /// The fewest samples in a window that decide.
  public var minimumSamples = 52
  /// The share of samples that must lie below 2ε.
  public var spreadShare = 0.95
  /// A branch whose constant fraction exceeds this is constant.
  public var constantFraction = 0.95
  /// What removing a block may cost, in the loss's unit; nil: ``tolerance(of:)`` decides.
  public var tolerance: Double?

  /// The settings that Verdicts.md gives.
  public init() {}

  /// What removing a block may cost: as set, else 2 % of the probe set's loss, and where wrong
  /// predictions can be counted, so that the loss is taken for nats, at least 0.01.
  public func tolerance(of examination: Examination) -> Double {
    if let tolerance { return tolerance }
    let share = 0.02 * abs(examination.baseLoss)
    return examination.baseError == nil ? share : max(0.01, share)
  }
}
