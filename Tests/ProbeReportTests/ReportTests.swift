internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `A report` {
  private func plans(_ verdicts: [Verdict]) -> [Sample.Plan] {
    verdicts.enumerated().map { .init(name: "b\($0)", from: 0.5, to: 0.2, verdict: $1) }
  }

  private func kinds(_ change: (inout RunSummary) -> Void) -> [Finding.Kind: String] {
    var run = Sample.run
    change(&run)
    let findings = Sample.report(run: run).findings
    return Dictionary(uniqueKeysWithValues: findings.map { ($0.kind, $0.words) })
  }

  @Test func `takes gap and bounds from the verdict and the rest from the window`() throws {
    let row = Sample.report().blocks[1]
    #expect(row.gap.p50 == 0.183)
    #expect(abs(try #require(row.gap.p90) - 0.2745) < 1e-9)
    #expect(abs(try #require(row.ratio.p50) - 0.22875) < 1e-9)
    #expect(row.ratio.baseline == .first(step: 0, ratio: 1.4))
    #expect(abs(try #require(row.ratio.relative) - 0.22875 / 1.4) < 1e-9)
    #expect(abs(try #require(row.cosine) - 0.1) < 1e-12)
    #expect(row.taylor?.rank == 2)
  }

  @Test func `compares a branch that was zero at birth with the record after warm-up`() throws {
    let rows = Sample.report().blocks
    #expect(rows[6].ratio.baseline == .afterWarmUp(step: 100, ratio: 0.2 * 0.1 * 1.25))
    #expect(rows[5].ratio.baseline == .zeroAtBirth)
    #expect(rows[5].ratio.relative == nil)
    #expect(rows[5].ratio.p50 == 0)
  }

  @Test func `falls back on the latest record where the window holds none`() {
    var history = Sample.history()
    history.blocks[1].window = []
    var verdicts = Sample.verdicts()
    verdicts[1].gap = nil
    #expect(Sample.report(history, verdicts: verdicts).blocks[1].gap.p50 != nil)
  }

  @Test func `takes a block without a verdict for undetermined`() {
    let report = Sample.report(Sample.history(), verdicts: [])
    #expect(report.blocks.allSatisfy { $0.verdict.verdict == .undetermined })
    #expect(report.summary.headline == "No verdict yet on 8 blocks.")
  }

  @Test func `counts in the singular and the plural`() {
    #expect(
      Sample.report(plans([.nearIdentity])).summary.headline
        == "1 of 1 block behaves as the identity: b0 (collapsed, since step 900).")
    #expect(
      Sample.report(plans([.active])).summary.text
        == "None of 1 block behaves as the identity. 1 is active.")
    #expect(
      Sample.report(plans([.active, .active])).summary.text
        == "None of 2 blocks behaves as the identity. All are active.")
    #expect(Sample.report([]).summary.text == "The run has no blocks.")
  }

  @Test func `names what else was found`() {
    var verdicts = Sample.verdicts(
      plans([.partialIdentity, .constant, .rescaleOnly, .lowInfluence]))
    verdicts[0].share = 0.8
    let history = Sample.history(plans([.active, .active, .active, .active]))
    #expect(
      Sample.report(history, verdicts: verdicts).summary.text
        == "None of 4 blocks behaves as the identity. 1 does so for 80 % of the samples: b0. "
        + "1 adds the same to every sample: b1. 1 only rescales the stream: b2. "
        + "1 costs less than the tolerance when ablated: b3. "
        + "A bias can take the place of what is constant, a factor of what only rescales: predicted "
        + "from training statistics. "
        + "Candidates only. Predicted from training statistics; not confirmed by ablation.")
  }

  @Test func `groups undetermined blocks by what they are missing`() {
    let plans = plans([.undetermined, .undetermined, .undetermined, .active])
    var verdicts = Sample.verdicts(plans)
    verdicts[0].missing = .records(have: 12, need: 20)
    verdicts[1].missing = .records(have: 4, need: 20)
    verdicts[2].missing = nil
    let text = Sample.report(Sample.history(plans), verdicts: verdicts).summary.text
    #expect(
      text.contains(
        "2 are undetermined: b0, b1 (missing 16 more records after warm-up and the last phase "
          + "change (4 of 20), at worst). 1 is undetermined: b2."))
  }

  @Test func `never says remove and always says candidate`() {
    let text = TerminalRenderer().render(Sample.report())
    #expect(!text.lowercased().contains("remove"))
    #expect(text.contains("Candidates only."))
  }

  @Test func `finds nothing in a sound run`() {
    #expect(kinds { _ in } == [:])
  }

  @Test func `says what the run lacks`() {
    #expect(
      kinds { $0.status = nil } == [
        .unfinished:
          "The run has not finished: last measured at step 2000 of 2001. Verdicts may change."
      ])
    #expect(
      kinds { $0.status = .failed } == [
        .failed: "The newest attempt failed; last measured at step 2000 of 2001."
      ])
    #expect(
      kinds { $0.droppedFrames = 1 } == [
        .droppedFrames: "1 frame was dropped by the recorder."
      ])
    #expect(
      kinds { $0.rejectedRecords = 2 } == [
        .rejectedRecords: "2 records were passed over: of an unknown kind or against the block map."
      ])
    #expect(
      kinds {
        $0.worldSize = 4; $0.ranks = [0, 2, 9]
      } == [
        .missingRanks: "2 of 4 ranks sent nothing: ranks 1, 3."
      ])
    #expect(
      kinds { $0.worldSize = 1 << 40 }[.missingRanks]?.hasSuffix("12 and 1099511627763 more.")
        == true)
  }

  @Test func `names many ranks that stopped in groups, and does not go on for ever`() throws {
    let words = kinds {
      $0.worldSize = 100
      $0.ranks = Array(0..<100)
      $0.progress = (0..<100).map {
        RankProgress(rank: $0, lastStep: $0 < 40 ? 7 : 2000, lacking: $0 < 40 ? 9 : 0)
      }
    }
    #expect(
      words == [
        .stoppedRanks: "Nothing came from ranks 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 28 more "
          + "after step 7 of 2000: statistics after that are of 60 of 100 ranks."
      ])
    let apart = kinds {
      $0.worldSize = 100
      $0.ranks = Array(0..<100)
      $0.progress = (0..<100).map { RankProgress(rank: $0, lastStep: $0, lacking: 99 - $0) }
    }
    let text = try #require(apart[.stoppedRanks])
    #expect(
      text.hasSuffix(
        "rank 11 after step 11 of 2000, and others later: "
          + "statistics after that are of 1 of 100 ranks."))
  }

  @Test func `says which blocks are silent and where values were not finite`() {
    var history = Sample.history()
    history.blocks[0] = BlockHistory(block: history.blocks[0].block)
    history.blocks[3].window[2].statistics.nonFinite = 5
    history.blocks[4].window[1].statistics.nonFinite = 1
    history.steps[7].loss = .infinity
    let words = Sample.report(history, verdicts: Sample.verdicts()).findings.map(\.words)
    #expect(
      words == [
        "6 samples in 2 blocks were NaN or infinite, first seen at step 1100 in "
          + "layer3.0.inner.deeply.nested.residual_block.",
        "The loss was NaN or infinite at 1 measured step, first at step 40.",
        "1 block has no record: layer1.0.",
      ])
  }

  @Test func `says that warm-up was assumed`() {
    var history = Sample.history()
    history.steps = history.steps.map { StepSummary(step: $0.step) }
    #expect(Sample.report(history, verdicts: []).findings.map(\.kind) == [.warmUpAssumed])
  }

  @Test func `warns of small gaps in deep networks`() {
    let deep = Sample.report(plans(Array(repeating: .active, count: 101)))
    #expect(deep.findings.map(\.kind) == [.deepNetwork])
    #expect(Sample.report(plans(Array(repeating: .active, count: 100))).findings.isEmpty)
  }

  @Test func `stands absurd numbers, since a store may come from a stranger`() throws {
    let absurd = [-.infinity, -1e308, -1, 0, .leastNonzeroMagnitude, 1e308, .infinity, .nan]
    var history = Sample.history()
    var verdicts = Sample.verdicts()
    for (place, value) in absurd.enumerated() {
      var statistics = Sample.statistics(place, gap: value, ratio: value)
      statistics.nonFinite = .max
      statistics.cosine = Moments(n: 1, mean: value, m2: 0) ?? Moments()
      statistics.taylorImportance = statistics.cosine
      statistics.gradientNorm = value
      let record = BlockRecord(step: 1500, statistics: statistics)
      history.blocks[place].first = record
      history.blocks[place].latest = record
      history.blocks[place].window = [record]
      history.blocks[place].trend = [.init(step: 0, gap: value, ratio: value)]
      verdicts[place].gap = value
      verdicts[place].upper = value
      verdicts[place].share = value
      verdicts[place].verdict = .partialIdentity
    }
    history.run.lastStep = .max
    history.run.worldSize = .min
    history.run.loss = .nan
    let report = Sample.report(history, verdicts: verdicts)
    for line in TerminalRenderer(width: 80).render(report).split(separator: "\n") {
      #expect(DisplayWidth.of(line) <= 80)
    }
    #expect(throws: Never.self) { try JSONValue.parse(JSONRenderer().render(report)) }
  }
}
