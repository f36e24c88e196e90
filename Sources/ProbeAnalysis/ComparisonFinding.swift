/// One thing that a comparison of runs noticed; runs are named by their places among those compared.
public enum ComparisonFinding: Sendable, Hashable {
  /// What it is about.
  public enum Kind: String, Sendable, CaseIterable {
    /// A run was named more than once and counts once.
    case repeated
    /// A run has no blocks.
    case noBlocks = "no_blocks"
    /// A run has not come to its end, so its training loss is held against none.
    case unfinished
    /// A run logged no training loss, or too few in its window.
    case noLoss = "no_loss"
    /// A run was recorded from a later step on, so nothing is known of its initialisation.
    case noStart = "no_start"
    /// The runs differ in more than their depth.
    case notAlike = "not_alike"
    /// The training loss is no longer finite.
    case diverged
    /// The gradient grows by orders of magnitude on its way back at step 0.
    case explodingAtInitialisation = "exploding_at_initialisation"
    /// The loss is flat and next to nothing of the gradient reaches the first block.
    case vanishing
    /// The loss has not left what it was at step 0.
    case doesNotTrain = "does_not_train"
    /// Deeper plain networks train worse.
    case degradation
    /// Deeper networks with shortcuts train worse, which depth alone hardly does.
    case trainsWorse = "trains_worse"
    /// Deeper trains better and does worse on other data.
    case overfitting
  }

  /// A run was named more than once.
  case repeated(run: Int)
  /// A run has no blocks.
  case noBlocks(run: Int)
  /// A run has not come to its end.
  case unfinished(run: Int)
  /// A run has no level of its training loss.
  case noLoss(run: Int)
  /// A run was not recorded from step 0 on.
  case noStart(run: Int)
  /// Runs differ in more than their depth.
  case notAlike(RecipeDifference)
  /// The training loss is no longer finite.
  case diverged(run: Int)
  /// The gradient explodes at step 0.
  case explodingAtInitialisation(run: Int)
  /// The gradient vanishes and the loss is flat.
  case vanishing(run: Int)
  /// The loss has not left what it was at step 0.
  case doesNotTrain(run: Int)
  /// Deeper plain networks train worse.
  case degradation(WorseWithDepth)
  /// Deeper networks with shortcuts train worse.
  case trainsWorse(WorseWithDepth)
  /// Deeper trains better and does worse on other data.
  case overfitting(Overfitting)

  /// What it is about.
  public var kind: Kind {
    switch self {
    case .repeated: .repeated
    case .noBlocks: .noBlocks
    case .unfinished: .unfinished
    case .noLoss: .noLoss
    case .noStart: .noStart
    case .notAlike: .notAlike
    case .diverged: .diverged
    case .explodingAtInitialisation: .explodingAtInitialisation
    case .vanishing: .vanishing
    case .doesNotTrain: .doesNotTrain
    case .trainsWorse: .trainsWorse
    case .degradation: .degradation
    case .overfitting: .overfitting
    }
  }

  /// The places of the runs it is about, ascending.
  public var runs: [Int] {
    switch self {
    case .repeated(let run), .noBlocks(let run), .unfinished(let run), .noLoss(let run),
      .noStart(let run), .diverged(let run), .explodingAtInitialisation(let run),
      .vanishing(let run), .doesNotTrain(let run):
      [run]
    case .notAlike(let difference): difference.values.flatMap(\.runs).sorted()
    case .degradation(let found), .trainsWorse(let found): found.runs
    case .overfitting(let found): (found.shallower.runs + found.deeper.runs).sorted()
    }
  }
}
