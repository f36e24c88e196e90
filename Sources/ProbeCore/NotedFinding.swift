/// Something that was noticed of a run while it was taken in, and that its store keeps current.
public struct NotedFinding: Sendable, Hashable {
  /// What it is about.
  public enum Kind: String, Sendable, CaseIterable {
    /// A block became an identity, or no longer is one.
    case verdictChanged = "verdict_changed"
    /// A block had samples that are not finite.
    case nonFiniteSamples = "non_finite_samples"
    /// A block of the map sent no record although others did.
    case silentBlocks = "silent_blocks"
    /// Recorders dropped frames.
    case droppedFrames = "dropped_frames"
    /// Records are of a kind that this version does not know.
    case newerRecorder = "newer_recorder"
  }

  /// What it is about.
  public var kind: Kind
  /// The block's ordinal; nil where it is no single block's.
  public var ordinal: Int?
  /// Whether the block became an identity (true) or no longer is one; only with a changed verdict.
  public var isIdentity: Bool?
  /// The first measured step that it holds of; nil where it is tied to none.
  public var firstStep: Int?
  /// The measured step that showed it.
  public var noticedStep: Int?
  /// When that step ended.
  ///
  /// Unit: seconds since 1970.
  public var noticedAt: Double?
  /// The number of dropped frames, or of unknown records.
  public var count: Int?

  /// A finding.
  public init(
    _ kind: Kind, ordinal: Int? = nil, isIdentity: Bool? = nil, firstStep: Int? = nil,
    noticedStep: Int? = nil, noticedAt: Double? = nil, count: Int? = nil
  ) {
    self.kind = kind
    self.ordinal = ordinal
    self.isIdentity = isIdentity
    self.firstStep = firstStep
    self.noticedStep = noticedStep
    self.noticedAt = noticedAt
    self.count = count
  }
}
