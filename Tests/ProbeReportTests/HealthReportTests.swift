internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

/// What a report says of a network's health: every sentence, word for word.
@Suite struct `The health in a report` {
  /// Four residual blocks with 40 recent records, changed by a rule.
  private static func history(
    drop: Double? = nil, _ change: (_ ordinal: Int, _ index: Int, inout BlockStatistics) -> Void
  ) -> History {
    let steps = (0..<40).map { $0 * 10 }
    let blocks = (0..<4).map { ordinal in
      let records = steps.enumerated().map { index, step in
        var statistics = Sample.statistics(ordinal, gap: 0.2, ratio: 0.25)
        change(ordinal, index, &statistics)
        return BlockRecord(step: step, statistics: statistics)
      }
      return BlockHistory(
        block: Block(ordinal: ordinal, name: "b\(ordinal)", dropProbability: drop),
        first: records.first, reference: records[5], latest: records.last, window: records,
        recent: records)
    }
    return History(
      run: Sample.run,
      steps: steps.map { StepSummary(step: $0, loss: 1, learningRate: 0.1) }, blocks: blocks)
  }

  private static func findings(_ history: History) -> [Finding] {
    var settings = VerdictSettings()
    settings.windowShare = 1
    return Report(
      history: history, verdicts: [],
      window: VerdictWindow(steps: history.steps, settings: settings), settings: settings
    ).findings
  }

  private static func gradients(
    _ norms: @escaping (_ ordinal: Int, _ index: Int) -> Double
  )
    -> [Finding]
  {
    findings(
      history { ordinal, index, statistics in
        statistics.outputGradNorm = Moments(n: 128, mean: norms(ordinal, index), m2: 1)!
      })
  }

  @Test func `A sound network gets no finding`() {
    #expect(Self.findings(Self.history { _, _, _ in }).isEmpty)
  }

  @Test func `Gradients that explode at the start are told with their size`() {
    #expect(
      Self.gradients { $1 == 0 ? [56_407.0, 900, 30, 1][$0] : 1 } == [
        Finding(
          kind: .explodingAtInitialisation,
          words: "Gradients explode at initialisation: at step 0 they are 56000 times as large at "
            + "the first block (b0) as at the last (b3). So deep a network needs shortcuts or "
            + "another initialisation.")
      ])
  }

  @Test func `Gradients that explode or vanish later are told as they are now`() {
    #expect(
      Self.gradients { $1 == 0 ? 1 : [2000.0, 90, 7, 1][$0] } == [
        Finding(
          kind: .explodingGradients,
          words:
            "Gradients explode: they are 2000 times as large at the first block (b0) as at the "
            + "last (b3).")
      ])
    #expect(
      Self.gradients { $1 == 0 ? 1 : [0.0001, 0.01, 0.1, 1][$0] } == [
        Finding(
          kind: .vanishingGradients,
          words: "Gradients vanish: they are only 0.0001 times as large at the first block (b0) as "
            + "at the last (b3). The first blocks hardly learn.")
      ])
    #expect(
      Self.gradients { $1 == 0 ? 1 : [0, 0, 0, 2][$0] } == [
        Finding(
          kind: .vanishingGradients,
          words: "Gradients vanish: they are 0 at the first block (b0), not at the last (b3). "
            + "The first blocks hardly learn.")
      ])
  }

  @Test func `A loss that ran away is told once`() {
    var history = Self.history { _, _, _ in }
    for index in 20..<40 { history.steps[index].loss = .nan }
    #expect(
      Self.findings(history) == [
        Finding(
          kind: .diverged,
          words: "Training diverged: the loss is NaN or infinite from step 200 on.")
      ])
    for index in 20..<40 { history.steps[index].loss = 31 }
    #expect(
      Self.findings(history) == [
        Finding(
          kind: .diverged,
          words: "Training diverged: the loss is 31 and was 1 at the start; over ten times that "
            + "since step 200.")
      ])
    for index in history.steps.indices { history.steps[index].loss = nil }
    history.blocks[2].latest?.statistics.nonFinite = 128
    #expect(
      Self.findings(history).last
        == Finding(
          kind: .diverged,
          words: "Training diverged: every sample of a block is NaN or infinite from step 390 on."))
  }

  @Test func `Branches that do nothing are named`() {
    #expect(
      Self.findings(
        Self.history { ordinal, _, statistics in
          statistics.deadFraction = Fraction(n: 128, value: ordinal % 2 == 0 ? 1 : 0)
          statistics.absorbedFraction = Fraction(n: 1024, value: ordinal == 3 ? 0.8 : 0.1)
        }) == [
          Finding(
            kind: .deadBranches,
            words: "2 branches are dead, F = 0 for 99 % of the samples or more: b0, b2."),
          Finding(
            kind: .absorbedByRounding,
            words: "Rounding absorbs more than half of what the branch adds (x + F == x) in "
              + "1 block: b3."),
        ])
  }

  @Test func `Updates out of range are named with their size`() {
    #expect(
      Self.findings(
        Self.history { ordinal, _, statistics in
          statistics.updateRatio = [1e-3, 0.25, 0, 1e-3][ordinal]
        }) == [
          Finding(
            kind: .updatesTooLarge,
            words: "Parameters move by more than a tenth of their size in a step in 1 block: "
              + "b1 (0.25). The learning rate is too high for them."),
          Finding(
            kind: .updatesTooSmall,
            words: "Parameters have a gradient and do not move, by less than 1e-7 of their size in "
              + "a step, in 1 block: b2."),
        ])
  }

  @Test func `Stochastic depth that drops another share is told with both`() {
    #expect(
      Self.findings(
        Self.history(drop: 0.1) { ordinal, _, statistics in
          statistics.dropped = ordinal == 1 ? 38 : 13
        }) == [
          Finding(
            kind: .survivalDiffers,
            words: "Stochastic depth drops another share than it was configured to in 1 block: "
              + "b1 (30 % for 10 %).")
        ])
  }

  @Test func `A gap that differs in eval mode is shown beside that in training`() {
    var history = Self.history { _, _, _ in }
    var ablation = Ablation(ordinals: [1], wallTime: 0, lossChanges: Moments())
    ablation.identityGap = LogDistribution(
      n: 64, logs: Moments(), p50: 0.12, p90: 0.2, p99: 0.3, max: 0.4)
    history.ablations = Ablations(
      Examination(
        identity: Sample.run.uuid, step: 395, samples: 128, planned: 1, baseLoss: 0.1), [ablation])
    #expect(
      Self.findings(history) == [
        Finding(
          kind: .modeGap,
          words: "In eval mode the gap is another one than in training, by more than 20 %, in "
            + "1 block: b1 (0.12, 0.2 in training).")
      ])
  }
}
