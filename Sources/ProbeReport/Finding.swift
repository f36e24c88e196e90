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
    /// A network so deep that small gaps are normal.
    case deepNetwork = "deep_network"
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
