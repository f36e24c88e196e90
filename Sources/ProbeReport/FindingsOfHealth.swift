internal import ProbeAnalysis
internal import ProbeCore

/// What the health of a network says, as findings of a report (Health.md).
extension Finding {
  /// The findings on loss, gradients, branches and updates, in the order of ``Kind``; none in a sound
  /// network.
  static func health(
    history: History, window: VerdictWindow?, gradients: GradientProfile
  ) -> [Finding] {
    let updates = UpdateSize.find(in: history)
    let found: [Finding?] =
      [diverged(history)]
      + gradients.troubles.map { trouble($0, gradients, history) }
      + [
        dead(DeadBranch.find(in: history), history),
        absorbed(AbsorbedBranch.find(in: history), history),
        tooLarge(updates.filter(\.isTooLarge), history),
        tooSmall(updates.filter { !$0.isTooLarge }, history),
        survival(StochasticDepth.find(in: history, over: window), history),
        modes(ModeGap.find(in: history), history),
      ]
    return found.compactMap { $0 }
  }

  private static func diverged(_ history: History) -> Finding? {
    switch Divergence(history) {
    case nil: return nil
    case .notFinite(let step):
      let what =
        history.steps.contains { $0.loss != nil }
        ? "the loss is NaN or infinite" : "every sample of a block is NaN or infinite"
      return Finding(kind: .diverged, words: "Training diverged: \(what) from step \(step) on.")
    case .risen(let step, let from, let to):
      return Finding(
        kind: .diverged,
        words: "Training diverged: the loss is \(Number.format(to)) and was "
          + "\(Number.format(from)) at the start; over ten times that since step \(step).")
    }
  }

  private static func trouble(
    _ trouble: GradientProfile.Trouble, _ gradients: GradientProfile, _ history: History
  ) -> Finding? {
    let isAtStart = trouble == .explodingAtInitialisation
    guard let moment = isAtStart ? gradients.start : gradients.now, let ratio = moment.ratio,
      let first = moment.levels.firstIndex(where: { $0 != nil }),
      let last = moment.levels.lastIndex(where: { $0 != nil })
    else { return nil }
    let names = [first, last].map { PrintableText.escape(history.blocks[$0].block.name) }
    let place = "at the first block (\(names[0])) as at the last (\(names[1]))"
    let number = GradientWords.times(ratio)
    switch trouble {
    case .explodingAtInitialisation:
      return Finding(
        kind: .explodingAtInitialisation,
        words: "Gradients explode at initialisation: at step 0 they are \(number) times as large "
          + "\(place). So deep a network needs shortcuts or another initialisation.")
    case .exploding:
      return Finding(
        kind: .explodingGradients,
        words: "Gradients explode: they are \(number) times as large \(place).")
    case .vanishing:
      let size = ratio > 0 ? "only \(number) times as large" : "0"
      let end =
        ratio > 0 ? place : "at the first block (\(names[0])), not at the last (\(names[1]))"
      return Finding(
        kind: .vanishingGradients,
        words: "Gradients vanish: they are \(size) \(end). The first blocks hardly learn.")
    }
  }

  private static func dead(_ branches: [DeadBranch], _ history: History) -> Finding? {
    guard !branches.isEmpty else { return nil }
    let verb = Words.verb(branches.count, "is", "are")
    return Finding(
      kind: .deadBranches,
      words: "\(Words.count(branches.count, "branch", "branches")) \(verb) dead, F = 0 for "
        + "\(Number.percent(DeadBranch.leastShare)) of the samples or more: "
        + "\(names(branches.map(\.ordinal), history)).")
  }

  private static func absorbed(_ branches: [AbsorbedBranch], _ history: History) -> Finding? {
    guard !branches.isEmpty else { return nil }
    return Finding(
      kind: .absorbedByRounding,
      words: "Rounding absorbs more than half of what the branch adds (x + F == x) in "
        + "\(Words.count(branches.count, "block")): \(names(branches.map(\.ordinal), history)).")
  }

  private static func tooLarge(_ updates: [UpdateSize], _ history: History) -> Finding? {
    guard !updates.isEmpty else { return nil }
    let ratios = updates.map { Number.format($0.ratio, significant: 2) }
    return Finding(
      kind: .updatesTooLarge,
      words: "Parameters move by more than a tenth of their size in a step in "
        + "\(Words.count(updates.count, "block")): "
        + "\(names(updates.map(\.ordinal), history, notes: ratios)). "
        + "The learning rate is too high for them.")
  }

  private static func tooSmall(_ updates: [UpdateSize], _ history: History) -> Finding? {
    guard !updates.isEmpty else { return nil }
    return Finding(
      kind: .updatesTooSmall,
      words: "Parameters have a gradient and do not move, by less than 1e-7 of their size in a "
        + "step, in \(Words.count(updates.count, "block")): "
        + "\(names(updates.map(\.ordinal), history)).")
  }

  private static func survival(_ blocks: [StochasticDepth], _ history: History) -> Finding? {
    guard !blocks.isEmpty else { return nil }
    let notes = blocks.map { "\(Number.percent($0.dropped)) for \(Number.percent($0.configured))" }
    return Finding(
      kind: .survivalDiffers,
      words: "Stochastic depth drops another share than it was configured to in "
        + "\(Words.count(blocks.count, "block")): "
        + "\(names(blocks.map(\.ordinal), history, notes: notes)).")
  }

  private static func modes(_ gaps: [ModeGap], _ history: History) -> Finding? {
    guard !gaps.isEmpty else { return nil }
    let notes = gaps.map {
      "\(Number.format($0.evaluation, significant: 2)), "
        + "\(Number.format($0.training, significant: 2)) in training"
    }
    return Finding(
      kind: .modeGap,
      words: "In eval mode the gap is another one than in training, by more than "
        + "\(Number.percent(ModeGap.limit)), in \(Words.count(gaps.count, "block")): "
        + "\(names(gaps.map(\.ordinal), history, notes: notes)).")
  }

  /// The names of blocks, made printable, each with a note in brackets where there are notes.
  private static func names(
    _ ordinals: [Int], _ history: History, notes: [String] = []
  ) -> String {
    let byOrdinal = Dictionary(
      history.blocks.map { ($0.block.ordinal, $0.block.name) },
      uniquingKeysWith: { first, _ in first })
    return Words.names(
      ordinals.enumerated().map { place, ordinal in
        let name = byOrdinal[ordinal] ?? String(ordinal)
        return notes.isEmpty ? name : "\(name) (\(notes[place]))"
      })
  }
}
