import ProbeCore

/// Something beside depth in which runs differ, with what each of them has.
public struct RecipeDifference: Sendable, Hashable {
  /// One value, and the runs that have it.
  public struct Value: Sendable, Hashable {
    /// What these runs have.
    public var value: Setting
    /// Their places among those compared, ascending.
    public var runs: [Int]
  }

  /// What a run has.
  public enum Setting: Sendable, Hashable {
    /// A number.
    case number(Double)
    /// Words of the user; not trusted to be printable.
    case text(String)
    /// The streams' shapes by stage, nil where one is not known.
    case shapes([[Int]?])
    /// Yes or no.
    case flag(Bool)
  }

  /// What they differ in.
  public let aspect: RecipeAspect
  /// The values, in the order of the first run that has each; runs that did not record it have none.
  public let values: [Value]
  /// The step that the values are of: where learning rates with one peak take other courses.
  public var step: Int?

  /// What any two of the runs differ in; each aspect once.
  ///
  /// Runs of different families have streams of their own, so those are not held against each other.
  static func among(_ runs: [ComparedRun]) -> [RecipeDifference] {
    var aspects: [RecipeAspect] = []
    for (place, run) in runs.enumerated() {
      for other in runs[(place + 1)...] {
        for aspect in run.recipe.differences(to: other.recipe)
        where !aspects.contains(aspect) && (aspect != .streams || run.family == other.family) {
          aspects.append(aspect)
        }
      }
    }
    return aspects.map { aspect in
      let step = aspect == .learningRate ? parting(runs) : nil
      var values: [Value] = []
      for (place, run) in runs.enumerated() {
        guard let value = run.recipe.setting(aspect, at: step) else { continue }
        if let known = values.firstIndex(where: { $0.value.isLike(value) }) {
          values[known].runs.append(place)
        } else {
          values.append(Value(value: value, runs: [place]))
        }
      }
      return RecipeDifference(aspect: aspect, values: values, step: step)
    }
  }

  /// The first step at which learning rates part; nil where their peaks say enough.
  private static func parting(_ runs: [ComparedRun]) -> Int? {
    let peaks = runs.compactMap { $0.recipe.rates.compactMap(\.learningRate).max() }
    if let least = peaks.min(), let most = peaks.max(), most - least > Recipe.tolerance * most {
      return nil
    }
    var first: Int?
    for (place, run) in runs.enumerated() {
      for other in runs[(place + 1)...] {
        guard let step = Recipe.parting(run.recipe.rates, other.recipe.rates) else { continue }
        first = min(first ?? step, step)
      }
    }
    return first
  }
}

extension Recipe {
  /// What a run has of an aspect; nil where it is not known.
  fileprivate func setting(
    _ aspect: RecipeAspect, at step: Int?
  ) -> RecipeDifference.Setting? {
    switch aspect {
    case .learningRate:
      rates.filter { step == nil || $0.step == step }.compactMap(\.learningRate).max()
        .map { .number($0) }
    case .length:
      (plannedSteps.map(Double.init) ?? lastStep.map { Double($0) + 1 }).map { .number($0) }
    case .batch: batch.map { .number(Double($0)) }
    case .streams: shapes.isEmpty ? nil : .shapes(shapes)
    case .stochasticDepth: drops.map { .flag($0) }
    case .setting(let key): settings[key].map { .text($0) }
    }
  }
}

extension RecipeDifference.Setting {
  /// Whether both are one and the same; numbers within the tolerance of recipes.
  fileprivate func isLike(_ other: Self) -> Bool {
    if case .number(let a) = self, case .number(let b) = other {
      return abs(a - b) <= Recipe.tolerance * max(abs(a), abs(b))
    }
    return self == other
  }
}
