internal import ProbeAnalysis
internal import ProbeCore

/// What a comparison found, in sentences for people; names in them are printable already.
struct ComparisonWords {
  let comparison: Comparison

  init(_ comparison: Comparison) { self.comparison = comparison }

  /// What depth did in each cohort that has several depths; one sentence where there is none.
  var depth: [String] {
    let told = comparison.cohorts.filter { $0.points.count > 1 }.map(sentence)
    return told.isEmpty
      ? ["No two runs of one family differ in depth alone: nothing is said of what depth does."]
      : told
  }

  /// A finding in words.
  func words(_ finding: ComparisonFinding) -> String {
    switch finding {
    case .repeated(let run): "\(label(run)) was named more than once and counts once."
    case .noBlocks(let run): "\(label(run)) has no blocks: there is nothing to set beside others."
    case .unfinished(let run): unfinished(run)
    case .noLoss(let run): noLoss(run)
    case .noStart(let run):
      "\(label(run)) was recorded from step \(comparison.runs[run].run.firstStep ?? 0) on: what its "
        + "gradient did at initialisation was not seen."
    case .notAlike(let difference): notAlike(difference)
    case .diverged(let run): diverged(run)
    case .explodingAtInitialisation(let run): exploding(run)
    case .vanishing(let run): vanishing(run)
    case .doesNotTrain(let run): stuck(run)
    case .degradation(let found), .trainsWorse(let found): worse(found)
    case .overfitting(let found): overfitting(found)
    }
  }

  // MARK: depth

  private func sentence(_ cohort: DepthCohort) -> String {
    let losses = list(
      cohort.points.map { point in
        number(point.level.value) + (point.level.isFalling ? " and falling" : "")
          + " at \(Words.count(point.depth, "block"))"
      })
    let effects = cohort.steps.map(effect)
    let verdict: String
    if let first = effects.first, effects.allSatisfy({ $0 == first }) {
      verdict = "Deeper \(first)."
    } else {
      let parts = zip(cohort.steps, effects).map { "\($0.deeper.depth) blocks: \($1)" }
      verdict = parts.joined(separator: "; ") + "."
    }
    let ratios = cohort.points.map { point in
      point.runs.compactMap { comparison.runs[$0].ratio }.sorted().middle.map(number)
    }
    let known = ratios.compactMap { $0 }
    let change = known.count == ratios.count ? " Median ratio of a block: \(list(known))." : ""
    // Where runs of one family were trained in several ways, which ones are meant.
    let isAlone = comparison.cohorts.count { $0.family == cohort.family } == 1
    let which = isAlone ? "" : " (\(runs(cohort.points.flatMap(\.runs))))"
    return
      "\(Self.name(cohort.family)) networks\(which): batch loss \(losses). \(verdict)\(change)"
  }

  private func effect(_ step: DepthCohort.Step) -> String {
    switch step.effect {
    case .worse: "trains worse"
    case .better: "trains better"
    case .alike: "trains alike, within \(Number.percent(DepthCohort.leastFactor - 1))"
    case .immaterial: "differs too little to count (\(factor(step)))"
    case .undecided: "is not told apart (\(factor(step)))"
    }
  }

  /// How many times the shallower one's loss, with what the intervals leave of that.
  private func factor(_ step: DepthCohort.Step) -> String {
    guard let factor = step.factor, let bounds = step.factorBounds else {
      return "a loss is not above zero"
    }
    let isFalling = step.shallower.level.isFalling || step.deeper.level.isFalling
    let range =
      isFalling
      ? "still falling"
      : bounds.map { Number.format($0, significant: 2) }.joined(separator: "–")
    return "\(Number.format(factor, significant: 2)) times the loss of \(step.shallower.depth), "
      + range
  }

  // MARK: findings

  private func unfinished(_ run: Int) -> String {
    let summary = comparison.runs[run].run
    let state = summary.status == .failed ? "failed" : "has not finished"
    let place = summary.lastStep.map { last in
      "last measured at step \(last)" + (summary.plannedSteps.map { " of \($0)" } ?? "")
    }
    return "\(label(run)) \(state): \(place ?? "nothing was measured"). Its training loss is held "
      + "against no other."
  }

  private func noLoss(_ run: Int) -> String {
    if case .few(let records) = comparison.runs[run].loss {
      return "\(label(run)) has \(Words.count(records, "finite loss", "finite losses")) in its "
        + "window; \(LossLevel.leastRecords) are needed."
    }
    return "\(label(run)) logged no training loss: depth cannot be held against it."
  }

  private func diverged(_ run: Int) -> String {
    guard case .nonFinite(let step) = comparison.runs[run].loss else { return label(run) }
    return "\(label(run)) diverged: its training loss has not been finite since step \(step)."
  }

  private func exploding(_ run: Int) -> String {
    let span = comparison.runs[run].gradientAtStart
    return "\(label(run)) is exploding at initialisation: at step 0 the gradient is "
      + "\(span?.ratio.map { number($0) } ?? "many") times as large at the first of "
      + "\(comparison.runs[run].depth) blocks as at the last (limit \(number(GradientSpan.limit))). "
      + (span?.isHopeless == true
        ? "Whatever its loss is, it is not counted as degradation."
        : "Below \(number(GradientSpan.hopelessLimit)) networks still train: its loss is held "
          + "against others.")
  }

  private func vanishing(_ run: Int) -> String {
    let all = [comparison.runs[run].gradientAtStart, comparison.runs[run].gradient]
    let span = all.compactMap { $0 }.first(where: \.vanishes)
    let share = span?.ratio.map { number($0) } ?? "nothing"
    return "\(label(run)) has vanishing gradients: its loss is flat at "
      + "\(comparison.runs[run].level.map { number($0.value) } ?? "its start"), and at step "
      + "\(span?.step ?? 0) the gradient at the first block is \(share) of that at the last."
  }

  private func overfitting(_ found: Overfitting) -> String {
    "Overfitting: \(Words.count(found.deeper.depth, "block")) fit the training data better than "
      + "\(found.shallower.depth) (loss \(number(found.deeper.level.value)) against "
      + "\(number(found.shallower.level.value))) and do worse on other data: "
      + "\(PrintableText.escape(found.key)) \(number(found.deeperValue)) against "
      + "\(number(found.shallowerValue))."
  }

  private func notAlike(_ difference: RecipeDifference) -> String {
    let values = difference.values.map { value in
      "\(setting(value.value)) in \(runs(value.runs))"
    }
    let when = difference.step.map { " at step \($0), where courses part" } ?? ""
    return "Not like for like: \(Self.name(difference.aspect)) is \(list(values))\(when). "
      + "No degradation is claimed across that."
  }

  private static func name(_ aspect: RecipeAspect) -> String {
    switch aspect {
    case .learningRate: "the learning rate"
    case .length: "the number of steps"
    case .batch: "the batch"
    case .streams: "the stream's shape by stage"
    case .stochasticDepth: "stochastic depth"
    case .setting(let key): "the setting \(PrintableText.escape(key))"
    }
  }

  private func setting(_ value: RecipeDifference.Setting) -> String {
    switch value {
    case .number(let value): number(value)
    case .text(let text): Fitting.truncateEnd(PrintableText.escape(text), to: 40)
    case .shapes(let shapes):
      shapes.prefix(8).map { $0?.map(String.init).joined(separator: "×") ?? "unknown" }
        .joined(separator: ", ")
    case .flag(let isOn): isOn ? "on" : "off"
    }
  }

  // MARK: pieces

  /// "Run 3 (plain-8)".
  func label(_ place: Int) -> String {
    let run = comparison.runs[place].run
    return "Run \(run.id)" + (run.name.isEmpty ? "" : " (\(PrintableText.escape(run.name)))")
  }

  func runs(_ places: [Int]) -> String {
    let ids = places.map { String(comparison.runs[$0].run.id) }
    return "\(Words.verb(ids.count, "run", "runs")) \(Words.names(ids))"
  }

  func level(_ level: LossLevel) -> String {
    let range =
      level.isFalling ? "still falling" : "\(number(level.lower))–\(number(level.upper))"
    return "\(number(level.value)) (\(range))"
  }

  func number(_ value: Double) -> String { Number.format(value) }

  private func list(_ parts: [String]) -> String { parts.joined(separator: ", ") }

  static func name(_ family: ComparedRun.Family) -> String {
    switch family {
    case .plain: "Plain"
    case .residual: "Residual"
    case .concat: "Dense"
    case .mixed: "Mixed"
    }
  }
}

extension [Double] {
  /// The middle of sorted values, the lower one of two; nil for none.
  fileprivate var middle: Double? { isEmpty ? nil : self[(count - 1) / 2] }
}
