internal import ProbeAnalysis

extension ComparisonWords {
  /// That deeper trains worse, with the evidence and what else could be the reason.
  func worse(_ found: WorseWithDepth) -> String {
    let step = found.step
    let factor = step.factor.map { ", \(Number.format($0, significant: 2)) times as much" } ?? ""
    let depths = "\(Words.count(step.deeper.depth, "block")) train worse than of "
    let title = found.family == .plain ? "Degradation: plain" : Self.name(found.family)
    return "\(title) networks of \(depths)\(step.shallower.depth): batch loss "
      + "\(level(step.deeper.level)) against \(level(step.shallower.level))\(factor)."
      + found.others.map { contrast($0, step) }.joined() + steepness(step) + unknown(found)
      + seeds(step)
  }

  /// That a loss has not left its first value.
  func stuck(_ place: Int) -> String {
    let run = comparison.runs[place]
    let gradient = run.gradientAtStart?.ratio.map {
      " At step 0 the gradient at the first block is \(number($0)) times that at the last."
    }
    return "\(label(place)) does not train: its batch loss is "
      + "\(run.level.map { number($0.value) } ?? "unknown"), and was "
      + "\(run.lossAtStart.map { number($0) } ?? "unknown") at step 0. That is no degradation; it "
      + "is held against no other.\(gradient ?? "")"
  }

  private func contrast(_ other: DepthContrast, _ step: DepthCohort.Step) -> String {
    let isSame =
      other.shallower.depth == step.shallower.depth && other.deeper.depth == step.deeper.depth
    let depths =
      isSame
      ? "these depths"
      : "as many layers (\(other.shallower.depth) and \(other.deeper.depth) blocks)"
    return " \(Self.name(other.family)) networks of \(depths): "
      + "\(number(other.shallower.level.value)) and \(number(other.deeper.level.value))."
  }

  /// Where the deeper one's gradient grows by more than the limit, which may be the reason.
  private func steepness(_ step: DepthCohort.Step) -> String {
    let ratios = step.deeper.runs.compactMap { place -> Double? in
      let span = comparison.runs[place].gradientAtStart
      return span?.explodes == true ? span?.ratio : nil
    }
    return ratios.max().map {
      " Its gradient grows \(number($0)) times from the last block to the first at step 0, which may "
        + "be the reason."
    } ?? ""
  }

  private func unknown(_ found: WorseWithDepth) -> String {
    let names = found.unknown.map(Self.name)
    let gap =
      names.isEmpty
      ? "" : " \(Self.sentence(names)) not known to be the same."
    guard found.family != .plain else { return gap }
    return gap
      + " With shortcuts depth alone hardly does that (He et al. 2015): look for what else "
      + "differs."
  }

  /// "Optimizer, loss function and data are".
  private static func sentence(_ names: [String]) -> String {
    let text =
      names.count > 1
      ? names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1] + " are"
      : names[0] + (names[0] == "data" ? " are" : " is")
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  private static func name(_ gap: RecipeGap) -> String {
    switch gap {
    case .optimizer: "optimizer"
    case .lossFunction: "loss function"
    case .data: "data"
    }
  }

  private func seeds(_ step: DepthCohort.Step) -> String {
    step.shallower.runs.count > 1 && step.deeper.runs.count > 1
      ? "" : " One run of a depth is one seed."
  }

  /// That plain networks are counted without the blocks that change the stream's shape; nil where that
  /// tells no two networks apart.
  var uncounted: String? {
    let runs = comparison.runs
    for plain in runs where plain.family == .plain {
      let twin = runs.first { run in
        run.family == .residual && run.projections > 0 && run.plainDepth == plain.depth
      }
      guard let twin else { continue }
      return "blocks: of plain networks those that change the stream's shape are not counted, so "
        + "\(plain.depth) are as many layers as \(twin.depth) with shortcuts"
    }
    return nil
  }
}
