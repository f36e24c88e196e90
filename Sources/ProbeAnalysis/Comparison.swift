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
      + cohorts.flatMap { cohort in
        cohort.steps.filter { $0.effect == .worse }.map { step in
          .degradation(
            step, family: cohort.family, others: Self.others(than: cohort, step, cohorts, runs))
        }
      }
      + cohorts.flatMap { Overfitting.found(in: $0, of: runs).map { .overfitting($0) } }
  }

  /// The same depths in the cohorts of other families that are alike with this one.
  private static func others(
    than cohort: DepthCohort, _ step: DepthCohort.Step, _ cohorts: [DepthCohort],
    _ runs: [ComparedRun]
  ) -> [DepthContrast] {
    let own = runs[step.deeper.runs[0]].recipe
    return cohorts.compactMap { other in
      guard other.family != cohort.family,
        let shallower = other.points.first(where: { $0.depth == step.shallower.depth }),
        let deeper = other.points.first(where: { $0.depth == step.deeper.depth })
      else { return nil }
      // What the stream of another family looks like is no matter of the recipe.
      let differences = own.differences(to: runs[deeper.runs[0]].recipe).filter { $0 != .streams }
      guard differences.isEmpty else { return nil }
      return DepthContrast(family: other.family, shallower: shallower, deeper: deeper)
    }
  }
}

/// What two depths are in another family that was trained alike.
public struct DepthContrast: Sendable, Hashable {
  /// The other family.
  public let family: ComparedRun.Family
  /// Its runs of the lesser depth.
  public let shallower: DepthCohort.Point
  /// Its runs of the greater depth.
  public let deeper: DepthCohort.Point
}

/// Whether a run's training loss can be held against depth; the first that holds.
private enum Standing: Equatable {
  case diverged
  case noBlocks
  case unfinished
  case noLoss
  case exploding
  case vanishing
  case counts

  init(_ run: ComparedRun) {
    if case .nonFinite = run.loss {
      self = .diverged
    } else if run.family == nil {
      self = .noBlocks
    } else if run.gradientAtStart?.explodes == true {
      // Before all that is said of the loss: where the gradient explodes, depth is not to blame.
      self = .exploding
    } else if run.isFlat, run.gradientAtStart?.vanishes == true || run.gradient?.vanishes == true {
      self = .vanishing
    } else if !run.isFinished {
      self = .unfinished
    } else if run.level == nil {
      self = .noLoss
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
    switch self {
    case .diverged: found.append(.diverged(run: place))
    case .exploding: found.append(.explodingAtInitialisation(run: place))
    case .vanishing: found.append(.vanishing(run: place))
    case .noBlocks, .unfinished, .noLoss, .counts: break
    }
    return found
  }
}
