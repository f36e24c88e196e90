/// How far one rank of an attempt came, beside the one that came furthest.
public struct RankProgress: Sendable, Hashable {
  /// The rank.
  public var rank: Int
  /// The last step that it measured; nil: none.
  public var lastStep: Int?
  /// The steps that the foremost rank measured after that.
  public var lacking: Int
  /// How long the foremost rank has gone on since the first of them, by its own clock.
  ///
  /// Unit: seconds.
  public var lackingSeconds: Double

  /// How far a rank came.
  public init(rank: Int, lastStep: Int?, lacking: Int = 0, lackingSeconds: Double = 0) {
    self.rank = rank
    self.lastStep = lastStep
    self.lacking = lacking
    self.lackingSeconds = lackingSeconds
  }

  /// What a rank of an attempt that has not ended may lack: its journal can be on the way.
  ///
  /// Unit: seconds.
  public static let patience = 60.0
  /// The fewest steps that such a rank lacks before it counts as stopped.
  public static let fewestLacking = 3
}

extension RunSummary {
  /// The ranks of the newest attempt that stopped before the foremost one did.
  ///
  /// Of an attempt that came to its end they are all that lack a step. While it lasts, or where it was
  /// killed, a rank may be some steps behind: its last second can be lost, or be on its way.
  public var stoppedRanks: [RankProgress] {
    progress.filter { rank in
      guard status != .completed else { return rank.lacking > 0 }
      return rank.lacking >= RankProgress.fewestLacking
        && rank.lackingSeconds > RankProgress.patience
    }
  }
}
