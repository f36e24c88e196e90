internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport

/// Histories made by rule, so that renderings can be compared letter by letter.
enum Sample {
  /// A record with the given medians.
  static func statistics(
    _ ordinal: Int, gap: Double?, ratio: Double?, taylor: Double = 0.01, cosine: Double = 0.1
  ) -> BlockStatistics {
    var statistics = BlockStatistics(ordinal: ordinal)
    statistics.samples = 128
    statistics.microBatches = 1
    if let gap {
      statistics.identityGap = LogDistribution(
        n: 128, logs: Moments(), p50: gap, p90: gap * 1.5, p99: gap * 2, max: gap * 3)
    }
    if let ratio {
      statistics.residualRatio = LogDistribution(
        n: 128, logs: Moments(), p50: ratio, p90: ratio * 1.5, p99: ratio * 2, max: ratio * 3)
    }
    statistics.cosine = Moments(n: 128, mean: cosine, m2: 1)!
    statistics.taylorImportance = Moments(n: 128, mean: taylor, m2: 1)!
    statistics.outputGradNorm = Moments(n: 128, mean: 0.0031, m2: 1)!
    statistics.gradientNorm = 0.0123 * Double(ordinal + 1)
    statistics.weightNorm = 12.5 + Double(ordinal)
    return statistics
  }

  /// How one block of a sample goes from its first gap to its last.
  struct Plan {
    var name: String
    var from: Double?
    var to: Double?
    var verdict: Verdict
    var shortcut = Block.Shortcut.identity
    var ratioAtBirth = 1.4
    var taylor = 0.01
  }

  static let plans = [
    Plan(name: "layer1.0", from: 0.9, to: 0.61, verdict: .active, taylor: 0.031),
    Plan(name: "layer1.1", from: 0.8, to: 0.183, verdict: .active, taylor: 0.012),
    Plan(name: "layer2.0", from: nil, to: nil, verdict: .notApplicable, shortcut: .projection),
    Plan(name: "layer2.1", from: 0.7, to: 0.012, verdict: .nearIdentity, taylor: 0.0004),
    Plan(
      name: "layer3.0.inner.deeply.nested.residual_block", from: 0.6, to: 0.049,
      verdict: .undetermined, taylor: 0.004),
    Plan(name: "layer3.1", from: 0, to: 0, verdict: .strictIdentity, ratioAtBirth: 0, taylor: 0),
    Plan(name: "layer3.2", from: 0, to: 0.2, verdict: .active, ratioAtBirth: 0, taylor: 0.009),
    Plan(name: "layer3.3", from: 0, to: 0, verdict: .strictIdentity, ratioAtBirth: 0, taylor: 0),
  ]

  static let steps =
    [0, 1, 2, 5] + Array(stride(from: 10, through: 500, by: 10))
    + Array(stride(from: 550, through: 2000, by: 50))

  /// A history that follows plans.
  static func history(_ plans: [Plan] = plans, run: RunSummary = run) -> History {
    var run = run
    run.blocks = plans.count
    let blocks = plans.enumerated().map { ordinal, plan in block(ordinal, plan) }
    return History(
      run: run, steps: steps.map { StepSummary(step: $0, loss: 1, learningRate: 0.1) },
      blocks: blocks)
  }

  static var run: RunSummary {
    RunSummary(
      id: 42, uuid: Identity(bytes: (0..<16).map { UInt8($0) })!, name: "resnet-digits",
      project: "digits", status: .completed, startedAt: 1_700_000_000, lastSeenAt: 1_700_000_900,
      plannedSteps: 2001, frames: steps.count, firstStep: 0, lastStep: 2000, loss: 0.01234,
      recorderSeconds: 3.21, recorder: "swift DigitsTrainer; recorder 0.1.0")
  }

  private static func block(_ ordinal: Int, _ plan: Plan) -> BlockHistory {
    let description = Block(
      ordinal: ordinal, name: plan.name, shortcut: plan.shortcut, stage: ordinal / 3,
      parameters: 9216, macs: 589_824)
    func gap(_ step: Int) -> Double? {
      guard let from = plan.from, let to = plan.to else { return nil }
      return from + (to - from) * min(1, Double(step) / 1000)
    }
    func record(_ step: Int) -> BlockRecord {
      let ratio = step == 0 ? plan.ratioAtBirth : gap(step).map { $0 * 1.25 } ?? 0.5
      return BlockRecord(
        step: step,
        statistics: statistics(ordinal, gap: gap(step), ratio: ratio, taylor: plan.taylor))
    }
    return BlockHistory(
      block: description, first: record(0), reference: record(100), latest: record(2000),
      window: steps.filter { $0 >= 1050 }.map(record),
      trend: steps.filter { $0 % 50 == 0 }.map { .init(step: $0, gap: gap($0), ratio: nil) })
  }

  /// The verdicts that the plans ask for.
  static func verdicts(_ plans: [Plan] = plans) -> [BlockVerdict] {
    plans.enumerated().map { ordinal, plan in
      var verdict = BlockVerdict(ordinal: ordinal, verdict: plan.verdict)
      verdict.windowStart = 1050
      verdict.atStep = 2000
      verdict.records = 20
      verdict.gap = plan.to
      verdict.lower = plan.to.map { $0 * 0.94 }
      verdict.upper = plan.to.map { $0 * 1.06 }
      if plan.verdict.isIdentity {
        verdict.origin = plan.from == 0 ? .atBirth : .collapsed
        verdict.sinceStep = plan.from == 0 ? 0 : 900
        verdict.confidence = 0.99
      }
      if plan.verdict == .undetermined {
        verdict.missing = .decidedInterval(lower: 0.046, upper: 0.052, epsilon: 0.05)
      }
      return verdict
    }
  }

  /// The report on a history that follows plans.
  static func report(_ plans: [Plan] = plans, run: RunSummary = run) -> Report {
    let history = history(plans, run: run)
    return report(history, verdicts: verdicts(plans))
  }

  /// The report on a history, its window decided as the analysis does.
  static func report(_ history: History, verdicts: [BlockVerdict]) -> Report {
    let settings = VerdictSettings()
    return Report(
      history: history, verdicts: verdicts,
      window: VerdictWindow(steps: history.steps, settings: settings), settings: settings)
  }
}
