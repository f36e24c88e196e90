/// One thing that the reader of a report has to know beside the verdicts.
public struct Finding: Sendable, Hashable {
  /// What it is about.
  public enum Kind: String, Sendable, CaseIterable {
    /// The run has not finished.
    case unfinished
    /// The newest attempt stopped on an error.
    case failed
    /// Recorders dropped frames.
    case droppedFrames = "dropped_frames"
    /// Records are of a kind that this version does not know.
    case newerRecorder = "newer_recorder"
    /// Records were passed over.
    case rejectedRecords = "rejected_records"
    /// Journal segments could not be read to their end.
    case damagedSegments = "damaged_segments"
    /// Blocks became an identity, or are no longer one.
    case verdictChanged = "verdict_changed"
    /// Samples had values that are not finite.
    case nonFiniteSamples = "non_finite_samples"
    /// The loss was not finite.
    case nonFiniteLoss = "non_finite_loss"
    /// Blocks of the map never sent a record.
    case silentBlocks = "silent_blocks"
    /// Processes of the newest attempt sent nothing.
    case missingRanks = "missing_ranks"
    /// Processes of the newest attempt stopped before the others did.
    case stoppedRanks = "stopped_ranks"
    /// Warm-up was assumed, for want of a learning rate.
    case warmUpAssumed = "warm_up_assumed"
    /// The examination enters no verdict.
    case unusedExamination = "unused_examination"
    /// A network so deep that small gaps are normal.
    case deepNetwork = "deep_network"
    /// The loss ended far above its start, or as no number.
    case diverged
    /// At step 0 gradients are far larger at the first block than at the last.
    case explodingAtInitialisation = "exploding_at_initialisation"
    /// Gradients are so now, and were not at step 0.
    case explodingGradients = "exploding_gradients"
    /// Gradients are far smaller at the first block than at the last.
    case vanishingGradients = "vanishing_gradients"
    /// Branches add exactly nothing.
    case deadBranches = "dead_branches"
    /// Rounding swallows most of what branches add.
    case absorbedByRounding = "absorbed_by_rounding"
    /// Parameters move too far in a step.
    case updatesTooLarge = "updates_too_large"
    /// Parameters do not move although there is a gradient.
    case updatesTooSmall = "updates_too_small"
    /// Stochastic depth drops another share than it was configured to.
    case survivalDiffers = "survival_differs"
    /// Gaps in eval mode are others than in training.
    case modeGap = "mode_gap"
  }

  /// What it is about.
  public var kind: Kind
  /// One or two sentences; names in them are printable already.
  public var words: String

  /// A finding.
  public init(kind: Kind, words: String) {
    self.kind = kind
    self.words = words
  }
}
