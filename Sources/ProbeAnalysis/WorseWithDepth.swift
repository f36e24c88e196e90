/// Deeper trains worse, among runs that nothing known tells apart but their depth.
///
/// Called degradation of plain networks only. Networks with shortcuts do not train worse for being deeper
/// (He et al. 2015, to 152 layers on ImageNet): where one does, something else is to be looked for.
public struct WorseWithDepth: Sendable, Hashable {
  /// What the blocks of these networks are.
  public let family: ComparedRun.Family
  /// The two depths.
  public let step: DepthCohort.Step
  /// The same depths of other families that were trained alike.
  public let others: [DepthContrast]
  /// What is not known to be the same of these runs.
  public let unknown: [RecipeGap]

  /// The places of the runs it is about, ascending.
  public var runs: [Int] { (step.shallower.runs + step.deeper.runs).sorted() }

  /// What a cohort has of it, with the other cohorts as contrast.
  static func found(
    in cohort: DepthCohort, of runs: [ComparedRun], among cohorts: [DepthCohort]
  ) -> [ComparisonFinding] {
    cohort.steps.filter { $0.effect == .worse }.map { step in
      let found = WorseWithDepth(
        family: cohort.family, step: step,
        others: cohorts.compactMap { contrast($0, to: cohort, step, runs) },
        unknown: Recipe.gaps((step.shallower.runs + step.deeper.runs).map { runs[$0].recipe }))
      return cohort.family == .plain ? .degradation(found) : .trainsWorse(found)
    }
  }

  /// The same depths in a cohort of another family that is alike with this one.
  private static func contrast(
    _ other: DepthCohort, to cohort: DepthCohort, _ step: DepthCohort.Step, _ runs: [ComparedRun]
  ) -> DepthContrast? {
    guard other.family != cohort.family,
      let shallower = other.points.first(where: { $0.isAsDeep(as: step.shallower) }),
      let deeper = other.points.first(where: { $0.isAsDeep(as: step.deeper) })
    else { return nil }
    // What the stream of another family looks like is no matter of the recipe.
    let own = runs[step.deeper.runs[0]].recipe
    let differences = own.differences(to: runs[deeper.runs[0]].recipe).filter { $0 != .streams }
    guard differences.isEmpty else { return nil }
    return DepthContrast(family: other.family, shallower: shallower, deeper: deeper)
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

extension DepthCohort.Point {
  /// Whether a network of another family is as deep: as many blocks, or as many beside those that change
  /// the stream's shape, which are no blocks of plain networks.
  fileprivate func isAsDeep(as other: Self) -> Bool {
    depth == other.depth || plainDepth == other.plainDepth
  }
}
