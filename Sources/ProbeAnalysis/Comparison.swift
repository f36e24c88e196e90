import ProbeCore

/// What several runs say of depth when they are held against each other (Compare.md).
///
/// A function of what was kept of each run, and of nothing else.
public struct Comparison: Sendable, Hashable {
  /// The runs in the order given.
  public let runs: [ComparedRun]
  /// Their blocks beside each other; nil where fewer than two runs have blocks.
  public let alignment: DepthAlignment?
  /// The runs that count, by family and by what they are alike in.
  public let cohorts: [DepthCohort]
  /// What was noticed, in the order of ``ComparisonFinding/Kind``.
  public let findings: [ComparisonFinding]

  /// Compares runs; `repeated` are those among them that were named more than once, by place.
  ///
  /// Complexity: O(runs² · steps).
  public init(_ runs: [ComparedRun], repeated: [Int] = []) {
    self.runs = runs
    alignment = DepthAlignment(runs)
    let states = runs.map(Standing.init)
    let counting = runs.indices.filter { states[$0] == .counts }
    let cohorts = DepthCohort.among(runs, counting: counting)
    self.cohorts = cohorts
    findings =
      repeated.map { .repeated(run: $0) }
      + runs.indices.flatMap { states[$0].findings(at: $0, runs[$0]) }
      + RecipeDifference.among(runs).map { .notAlike($0) }
      + cohorts.flatMap { WorseWithDepth.found(in: $0, of: runs, among: cohorts) }
      + cohorts.flatMap { Overfitting.found(in: $0, of: runs).map { .overfitting($0) } }
  }
}

/// Whether a run's training loss can be held against depth; the first that holds.
private enum Standing: Equatable {
  case diverged
  case noBlocks
  case unfinished
  case noLoss
  case exploding
  case vanishing
  case stuck
  case counts

  init(_ run: ComparedRun) {
    if case .nonFinite = run.loss {
      self = .diverged
    } else if run.family == nil {
      self = .noBlocks
    } else if run.gradientAtStart?.isHopeless == true {
      // Before all that is said of the loss: where the gradient explodes so, it is to blame.
      self = .exploding
    } else if run.isFlat || run.isStuck,
      run.gradientAtStart?.vanishes == true || run.gradient?.vanishes == true
    {
      self = .vanishing
    } else if !run.isFinished {
      self = .unfinished
    } else if run.level == nil {
      self = .noLoss
    } else if run.isStuck {
      self = .stuck
    } else {
      self = .counts
    }
  }

  func findings(at place: Int, _ run: ComparedRun) -> [ComparisonFinding] {
    var found: [ComparisonFinding] = []
    if self != .diverged {
      if run.family == nil { found.append(.noBlocks(run: place)) }
      if !run.isFinished { found.append(.unfinished(run: place)) }
      if run.level == nil { found.append(.noLoss(run: place)) }
    }
    if run.family != nil, run.run.firstStep != nil, !run.hasStart {
      found.append(.noStart(run: place))
    }
    if self != .diverged, run.gradientAtStart?.explodes == true {
      found.append(.explodingAtInitialisation(run: place))
    }
    switch self {
    case .diverged: found.append(.diverged(run: place))
    case .vanishing: found.append(.vanishing(run: place))
    case .stuck: found.append(.doesNotTrain(run: place))
    case .exploding, .noBlocks, .unfinished, .noLoss, .counts: break
    }
    return found
  }
}
