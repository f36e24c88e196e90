internal import ProbeAnalysis
internal import ProbeCore

extension Finding {
  /// More blocks than this that can be the identity, and small gaps are normal at birth.
  static let deepNetworkBlocks = 100

  /// What there is to say of a history, in the order of ``Kind``.
  static func all(
    history: History, window: VerdictWindow?, settings: VerdictSettings
  ) -> [Finding] {
    let ofIntake = [
      state(history.run),
      dropped(history.run),
      newerRecorder(history.findings),
      rejected(history.run),
      damaged(history.run),
    ]
    let ofBlocks = [
      nonFiniteSamples(history),
      // What never came back is said as diverged (Health.md).
      Divergence(history)?.isNotFinite == true ? nil : nonFiniteLoss(history.steps),
      silent(history.blocks),
      missingRanks(history.run),
      stoppedRanks(history.run),
      window?.warmUp.isAssumed == true
        ? Finding(
          kind: .warmUpAssumed,
          words: "No learning rate was recorded: warm-up is assumed to end at 5 % of the steps.")
        : nil,
      unusedExamination(history, window: window),
      deep(history.blocks),
    ]
    let changes = verdictChanges(history, settings: settings)
    return ofIntake.compactMap { $0 } + changes + ofBlocks.compactMap { $0 }
  }

  private static func state(_ run: RunSummary) -> Finding? {
    var place = ""
    if let last = run.lastStep {
      place = " at step \(last)" + (run.plannedSteps.map { " of \($0)" } ?? "")
    }
    switch run.status {
    case .completed: return nil
    case .failed:
      return Finding(kind: .failed, words: "The newest attempt failed; last measured\(place).")
    case nil:
      let words =
        place.isEmpty
        ? "The run has not finished." : "The run has not finished: last measured\(place)."
      return Finding(kind: .unfinished, words: words + " Verdicts may change.")
    }
  }

  private static func dropped(_ run: RunSummary) -> Finding? {
    guard run.droppedFrames > 0 else { return nil }
    let frames = Words.count(run.droppedFrames, "frame")
    return Finding(
      kind: .droppedFrames,
      words: "\(frames) \(Words.verb(run.droppedFrames, "was", "were")) dropped by the recorder.")
  }

  private static func rejected(_ run: RunSummary) -> Finding? {
    guard run.rejectedRecords > 0 else { return nil }
    let records = Words.count(run.rejectedRecords, "record")
    let verb = Words.verb(run.rejectedRecords, "was", "were")
    return Finding(
      kind: .rejectedRecords,
      words: "\(records) \(verb) passed over: of an unknown kind or against the block map.")
  }

  private static func damaged(_ run: RunSummary) -> Finding? {
    guard run.damagedSegments > 0 else { return nil }
    let segments = Words.count(run.damagedSegments, "journal segment")
    let verb = Words.verb(run.damagedSegments, "is", "are")
    return Finding(
      kind: .damagedSegments,
      words: "\(segments) \(verb) damaged: frames after the damage are missing "
        + "(SELECT * FROM journal_segment WHERE damage IS NOT NULL).")
  }

  /// Speaks of the records at hand, the first, the reference, the window's and the latest, unless the
  /// store knows of an earlier one.
  private static func nonFiniteSamples(_ history: History) -> Finding? {
    let noted = history.noted(.nonFiniteSamples)
    let inHand = nonFiniteSamples(history.blocks)
    guard let first = noted.first, let step = first.finding.firstStep else { return inHand }
    let verb = Words.verb(noted.count, "has", "have")
    return Finding(
      kind: .nonFiniteSamples,
      words: "\(Words.count(noted.count, "block")) \(verb) had samples that were NaN or infinite, "
        + "first at step \(step) in \(PrintableText.escape(first.block.name)).")
  }

  private static func nonFiniteSamples(_ blocks: [BlockHistory]) -> Finding? {
    var samples = 0
    var affected = 0
    var first: (step: Int, block: Block)?
    for block in blocks {
      let single = [block.first, block.reference, block.latest].compactMap { $0 }
      var seen = single.map { ($0.step, $0.statistics.nonFinite) }
      // By place: going through a hundred thousand records by value took a tenth of a report's time.
      block.window.withUnsafeBufferPointer { window in
        for place in window.indices where window[place].statistics.nonFinite > 0 {
          seen.append((window[place].step, window[place].statistics.nonFinite))
        }
      }
      let byStep = Dictionary(seen) { max($0, $1) }
      let bad = byStep.filter { $0.value > 0 }
      guard let earliest = bad.keys.min() else { continue }
      affected += 1
      // Counts come from others: a sum of absurd ones must not trap.
      samples += bad.values.reduce(0) { $0 + min($1, 1 << 40) }
      // Blocks come in network order: of one step the first block is where it began.
      if first.map({ earliest < $0.step }) ?? true { first = (earliest, block.block) }
    }
    guard let first else { return nil }
    let verb = Words.verb(samples, "was", "were")
    let name = PrintableText.escape(first.block.name)
    return Finding(
      kind: .nonFiniteSamples,
      words: "\(Words.count(samples, "sample")) in \(Words.count(affected, "block")) \(verb) "
        + "NaN or infinite, first seen at step \(first.step) in \(name).")
  }

  private static func nonFiniteLoss(_ steps: [StepSummary]) -> Finding? {
    let bad = steps.filter { $0.loss?.isFinite == false }
    guard let first = bad.first else { return nil }
    return Finding(
      kind: .nonFiniteLoss,
      words: "The loss was NaN or infinite at \(Words.count(bad.count, "measured step")), "
        + "first at step \(first.step).")
  }

  private static func silent(_ blocks: [BlockHistory]) -> Finding? {
    let silent = blocks.filter { $0.first == nil && $0.latest == nil && $0.window.isEmpty }
    guard !silent.isEmpty else { return nil }
    let verb = Words.verb(silent.count, "has", "have")
    return Finding(
      kind: .silentBlocks,
      words: "\(Words.count(silent.count, "block")) \(verb) no record: "
        + "\(Words.names(silent.map(\.block.name))).")
  }

  private static func missingRanks(_ run: RunSummary) -> Finding? {
    let sent = Set(run.ranks.filter { $0 >= 0 && $0 < run.worldSize })
    let missing = run.worldSize - sent.count
    guard missing > 0 else { return nil }
    // World sizes come from others: list a few, never build a set of two billion.
    let listed = (0..<run.worldSize).lazy.filter { !sent.contains($0) }.prefix(Words.listedNames)
    let rest = missing - listed.count
    let list =
      listed.map(String.init).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    return Finding(
      kind: .missingRanks,
      words: "\(missing) of \(Words.count(run.worldSize, "rank")) sent nothing: "
        + "\(Words.verb(missing, "rank", "ranks")) \(list).")
  }

  private static func stoppedRanks(_ run: RunSummary) -> Finding? {
    let stopped = run.stoppedRanks
    guard !stopped.isEmpty else { return nil }
    let left = run.ranks.count - stopped.count
    let whole = run.lastStep.map { " of \($0)" } ?? ""
    // Ranks that stopped together, the first to stop first.
    let groups = Dictionary(grouping: stopped, by: \.lastStep)
      .sorted { ($0.key ?? -1) < ($1.key ?? -1) }
    var parts = groups.prefix(Words.listedNames).map { step, ranks in
      "\(Words.verb(ranks.count, "rank", "ranks")) \(Words.names(ranks.map { String($0.rank) })) "
        + (step.map { "after step \($0)\(whole)" } ?? "but a beginning")
    }
    if groups.count > parts.count { parts.append("and others later") }
    return Finding(
      kind: .stoppedRanks,
      words: "Nothing came from \(parts.joined(separator: ", ")): statistics after that are of "
        + "\(left) of \(Words.count(run.worldSize, "rank")).")
  }

  private static func unusedExamination(_ history: History, window: VerdictWindow?) -> Finding? {
    guard let examination = history.ablations?.examination else { return nil }
    let reason: String
    switch ExaminationUse(examination, steps: history.steps, window: window) {
    case .counts: return nil
    case .old:
      let steps = window.map { " \($0.firstStep) to \($0.lastStep)" } ?? " to come"
      reason =
        "they are of step \(examination.step), the verdicts look at steps\(steps). Examine again."
    case .fewSamples:
      reason =
        "\(Words.count(examination.samples, "sample")) bound too little. Examine "
        + "\(ExaminationUse.minimumSamples) or more, better 1,000."
    case .worseThanUntrained(let loss):
      reason =
        "in eval mode the network's loss is \(Number.format(examination.baseLoss, significant: 3)), "
        + "at step 0 it was \(Number.format(loss, significant: 3)). Running averages of batch norm may "
        + "lag, or the probe set is of another kind: examine after more steps, or renew the averages."
    }
    return Finding(
      kind: .unusedExamination, words: "The ablations enter no verdict: \(reason)")
  }

  private static func deep(_ blocks: [BlockHistory]) -> Finding? {
    let depth = blocks.count { $0.block.canBeIdentity }
    guard depth > deepNetworkBlocks else { return nil }
    return Finding(
      kind: .deepNetwork,
      words: "\(depth) blocks deep: in nets of more than about 100 blocks gaps lie below 0.1 "
        + "at birth. Compare with step 0 before calling a block redundant.")
  }
}
