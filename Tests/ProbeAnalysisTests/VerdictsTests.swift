import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct VerdictsTests {
  private static func judge(_ block: BlockHistory) -> BlockVerdict {
    Verdicts.judge(history([block]), settings: VerdictSettings())[0]
  }

  /// A block whose records in the window are changed one by one.
  private static func block(
    gap: Double = 0.02, change: (_ index: Int, inout BlockRecord) -> Void
  ) -> BlockHistory {
    var block = blockHistory(gaps: wavering(gap))
    for index in block.window.indices { change(index, &block.window[index]) }
    return block
  }

  @Test func `A projection is not asked`() {
    let verdict = Self.judge(blockHistory(gaps: wavering(0.001), shortcut: .projection))
    #expect(verdict.verdict == .notApplicable)
    #expect(verdict.upper == nil && verdict.share == nil && verdict.missing == nil)
    #expect(verdict.atStep == 990)
  }

  @Test func `A block far from identity is active, with its interval`() throws {
    let verdict = Self.judge(blockHistory(gaps: wavering(0.4)))
    #expect(verdict.verdict == .active)
    #expect(verdict.windowStart == 800 && verdict.atStep == 990 && verdict.records == 20)
    let lower = try #require(verdict.lower)
    let gap = try #require(verdict.gap)
    let upper = try #require(verdict.upper)
    #expect(0.3 < lower && lower < gap && gap < upper && upper < 0.5)
    #expect(verdict.origin == nil && verdict.sinceStep == nil && verdict.confidence == nil)
    #expect(verdict.share == 0)
  }

  @Test func `A block that was small from the start is near identity at birth`() throws {
    let verdict = Self.judge(blockHistory(gaps: wavering(0.02)))
    #expect(verdict.verdict == .nearIdentity)
    #expect(verdict.origin == .atBirth)
    #expect(verdict.sinceStep == 0)
    #expect(try #require(verdict.confidence) > 0.999)
    #expect(verdict.share == 1)
    #expect(verdict.missing == nil)
  }

  @Test func `A block that became small has collapsed since the record after the last crossing`() {
    let gaps = [Double](repeating: 0.5, count: 40) + wavering(0.002, count: 60)
    let verdict = Self.judge(blockHistory(gaps: gaps))
    #expect(verdict.verdict == .strictIdentity)
    #expect(verdict.origin == .collapsed)
    #expect(verdict.sinceStep == 400)
  }

  @Test func `A block of exact zeros is a strict identity with bounds 0 and full confidence`() {
    let verdict = Self.judge(blockHistory(gaps: [Double](repeating: 0, count: 100)))
    #expect(verdict.verdict == .strictIdentity)
    #expect(verdict.lower == 0 && verdict.upper == 0 && verdict.gap == 0)
    #expect(verdict.confidence == 1)
  }

  @Test func `Small from the first record of a recorder attached late leaves the origin open`() {
    var run = history([blockHistory(gaps: wavering(0.02))])
    run.steps.removeFirst(30)
    run.blocks[0].first = run.blocks[0].window[30]
    let verdict = Verdicts.judge(run, settings: VerdictSettings())[0]
    #expect(verdict.verdict == .nearIdentity)
    #expect(verdict.origin == nil)
    #expect(verdict.sinceStep == 300)
  }

  @Test func `A tenth of the samples above 2ε makes it a partial identity with the share`() {
    let verdict = Self.judge(
      Self.block { _, record in
        record.statistics.identityGapHistogram.count(7, inSlot: GapHistogram.slot(of: 0.9))
      })
    #expect(verdict.verdict == .partialIdentity)
    #expect(agree(verdict.share ?? 0, 64.0 / 71, within: 1e-12))
    #expect(verdict.confidence == nil && verdict.origin == nil)
  }

  @Test func `A tenth of the samples above twice strict ε makes a strict identity a near one`() {
    let verdict = Self.judge(
      Self.block(gap: 0.002) { _, record in
        record.statistics.identityGapHistogram.count(7, inSlot: GapHistogram.slot(of: 0.05))
      })
    #expect(verdict.verdict == .nearIdentity)
    #expect(verdict.share == 1)
  }

  @Test func `A block at ε is undetermined for want of a narrower interval`() {
    let verdict = Self.judge(blockHistory(gaps: wavering(0.05)))
    #expect(verdict.verdict == .undetermined)
    guard case .decidedInterval(let lower, let upper, 0.05) = verdict.missing else {
      Issue.record("missing \(String(describing: verdict.missing))")
      return
    }
    #expect(lower < 0.05 && upper >= 0.05)
    #expect(lower == verdict.lower && upper == verdict.upper)
  }

  @Test func `A gap that rises towards ε is not yet an identity, the same gap falling is one`() {
    let rising = (0..<20).map { wavering(0.0265)[$0] * (1 + 0.02 * Double($0)) }
    let before = [Double](repeating: 0.03, count: 80)
    #expect(Self.judge(blockHistory(gaps: before + rising)).verdict == .undetermined)
    #expect(Self.judge(blockHistory(gaps: before + rising.reversed())).verdict == .nearIdentity)
  }

  @Test func `Values that are not finite are named with their first step`() {
    let verdict = Self.judge(
      Self.block { index, record in record.statistics.nonFinite = index >= 90 ? 2 : 0 })
    #expect(verdict.verdict == .undetermined)
    #expect(verdict.missing == .finiteValues(firstStep: 900, samples: 20))
    #expect(verdict.upper == nil)
  }

  @Test func `Values that were not finite before the window are forgiven`() {
    let verdict = Self.judge(
      Self.block { index, record in record.statistics.nonFinite = index < 80 ? 2 : 0 })
    #expect(verdict.verdict == .nearIdentity)
  }

  @Test func `More than half of the samples masked is undetermined, half is not`() {
    func masked(dropped: Int, undefined: Int) -> BlockVerdict {
      Self.judge(
        Self.block { _, record in
          record.statistics.dropped = dropped
          record.statistics.undefined = undefined
        })
    }
    #expect(masked(dropped: 30, undefined: 3).missing == .unmaskedSamples(share: 33.0 / 64))
    #expect(masked(dropped: 30, undefined: 2).verdict == .nearIdentity)
  }

  @Test func `Samples that stochastic depth is meant to drop do not count as masked`() {
    var block = Self.block { _, record in record.statistics.dropped = 40 }
    #expect(Self.judge(block).missing == .unmaskedSamples(share: 40.0 / 64))
    block.block.dropProbability = 0.6
    #expect(Self.judge(block).verdict == .nearIdentity)
    for index in block.window.indices { block.window[index].statistics.dropped = 55 }
    #expect(Self.judge(block).missing == .unmaskedSamples(share: 55.0 / 64))
  }

  @Test func `Too few records say how many are missing`() {
    #expect(
      Self.judge(blockHistory(gaps: wavering(0.02, count: 13))).missing
        == .records(have: 13, need: 20))
    #expect(
      Self.judge(
        Self.block { index, record in
          if index % 4 == 0 { record.statistics.identityGap = LogDistribution() }
        }
      )
      .missing == .records(have: 15, need: 20))
  }

  @Test func `A block that never fired and a run without steps miss all records`() {
    let silent = BlockHistory(block: Block(ordinal: 1, name: "silent"))
    let verdicts = Verdicts.judge(
      history([blockHistory(gaps: wavering(0.4)), silent]), settings: VerdictSettings())
    #expect(verdicts.map(\.verdict) == [.active, .undetermined])
    #expect(verdicts[1].missing == .records(have: 0, need: 20))
    #expect(Self.judge(silent).missing == .records(have: 0, need: 20))
    #expect(Self.judge(silent).atStep == nil)
  }

  @Test func `Too few samples say how many are missing`() {
    let verdict = Self.judge(Self.block { _, record in record.statistics.identityGap.n = 2 })
    #expect(verdict.missing == .samples(have: 40, need: 52))
  }

  @Test func `Without histograms an identity waits for samples, an active block does not`() {
    func without(gap: Double) -> BlockVerdict {
      Self.judge(
        Self.block(gap: gap) { _, record in
          record.statistics.identityGapHistogram = GapHistogram()
        })
    }
    #expect(without(gap: 0.02).missing == .samples(have: 0, need: 52))
    #expect(without(gap: 0.4).verdict == .active)
    #expect(without(gap: 0.4).share == nil)
  }

  @Test func `A bound that holds alone may not hold among many blocks`() {
    var generator = SplitMix64(seed: 5)
    let doubtful = generator.autoregressive(100, time: 0, deviation: 0.1).map { 0.044 * (1 + $0) }
    let alone = Self.judge(blockHistory(gaps: doubtful))
    #expect(alone.verdict == .nearIdentity)
    let others = (1...200).map { blockHistory($0, gaps: wavering(0.4)) }
    let crowd = Verdicts.judge(
      history([blockHistory(gaps: doubtful)] + others), settings: VerdictSettings())
    #expect(crowd[0].verdict == .undetermined)
    #expect(crowd[0].upper == alone.upper)
    guard case .confidenceAmongBlocks(let adjusted) = crowd[0].missing else {
      Issue.record("missing \(String(describing: crowd[0].missing))")
      return
    }
    #expect(adjusted > 0.05)
  }

  @Test func `Permuting the blocks permutes the verdicts`() {
    let gaps = [0.4, 0.02, 0.05, 0.002, 0.045, 0.3]
    let blocks = gaps.enumerated().map { blockHistory($0.offset, gaps: wavering($0.element)) }
    let order = [4, 2, 5, 0, 3, 1]
    let plain = Verdicts.judge(history(blocks), settings: VerdictSettings())
    let permuted = Verdicts.judge(history(order.map { blocks[$0] }), settings: VerdictSettings())
    #expect(permuted == order.map { plain[$0] })
    #expect(Set(plain.map(\.verdict)).count == 4)
  }

  @Test func `The verdict depends neither on planned steps nor on records before the window`() {
    var run = history([blockHistory(gaps: wavering(0.02))])
    let plain = Verdicts.judge(run, settings: VerdictSettings())
    run.run.plannedSteps = 1_000_000
    run.blocks[0].window.removeFirst(80)
    #expect(Verdicts.judge(run, settings: VerdictSettings()) == plain)
  }

  @Test func `ε is a setting`() {
    var settings = VerdictSettings()
    settings.epsilon = 0.5
    let verdict = Verdicts.judge(
      history([blockHistory(gaps: wavering(0.3))]), settings: settings)[0]
    #expect(verdict.verdict == .nearIdentity)
  }

  @Test func `A history without blocks has no verdicts`() {
    #expect(Verdicts.judge(history([]), settings: VerdictSettings()).isEmpty)
  }
}
