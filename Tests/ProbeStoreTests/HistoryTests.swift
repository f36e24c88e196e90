import ProbeCore
import ProbeStore
import Support
import Testing

@Suite struct HistoryTests {
  /// A run whose first block's median gap is `gap(step)`, measured every `every` steps.
  private func run(
    steps: Int, every: Int, in test: TestStore, gap: (Int) -> Double
  ) throws -> History {
    var journal = TestJournal()
    let measured = Array(stride(from: 0, to: steps, by: every))
    for start in stride(from: 0, to: measured.count, by: 200) {
      let part = measured[start..<min(start + 200, measured.count)]
      _ = try test.store.append(
        journal.batch(part.map { .frame(Golden.frame(step: $0, gap: gap($0))) }))
    }
    return try test.store.history(
      of: try #require(try test.store.run(1)), steps: try test.store.steps(ofRun: 1),
      request: HistoryRequest(window: (steps - 50)...steps, reference: 100, threshold: 0.1))
  }

  @Test func `the last crossing is found through the rollups of a long run`() throws {
    for last in [0, 30, 6_400, 70_000, 99_950] {
      let history = try run(steps: 100_000, every: 50, in: try TestStore()) {
        $0 <= last / 50 * 50 ? 0.2 : 0.03
      }
      let step = last / 50 * 50
      let next = step + 50 < 100_000 ? step + 50 : nil
      #expect(history.blocks[0].crossing == .last(step: step, next: next))
    }
  }

  @Test func `a block that was never at the threshold has no crossing`() throws {
    let history = try run(steps: 20_000, every: 50, in: try TestStore()) { _ in 0.09 }
    #expect(history.blocks[0].crossing == .never)
  }

  @Test func `a long run's trend is a few hundred spans with the records' geometric means`() throws
  {
    let history = try run(steps: 100_000, every: 50, in: try TestStore()) { _ in 0.04 }
    let trend = history.blocks[0].trend
    #expect(trend.count == 196 && trend[1].step == 512)
    #expect(trend.allSatisfy { abs(($0.gap ?? 0) - 0.04) < 1e-12 })
  }

  @Test func `first, reference, window and latest are the records asked for`() throws {
    let history = try run(steps: 1_000, every: 10, in: try TestStore()) { 0.5 / Double($0 + 1) }
    let block = history.blocks[0]
    #expect(block.first?.step == 0 && block.reference?.step == 100 && block.latest?.step == 990)
    #expect(block.window.map(\.step) == [950, 960, 970, 980, 990])
    #expect(block.trend.count == 100)
  }

  @Test func `a window's records are the whole records, as far as they are read`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let steps = [0, 10, 20]
    _ = try test.store.append(
      journal.batch(steps.map { .frame(Golden.frame(step: $0, gap: 0.5 / Double($0 + 1))) }))
    let run = try #require(try test.store.run(1))
    for step in steps {
      let history = try test.store.history(
        of: run, steps: [StepSummary(step: step)],
        request: HistoryRequest(window: 0...20, reference: nil, threshold: 0.1))
      for block in history.blocks {
        let whole = try #require(block.latest).statistics
        let read = try #require(block.window.first { $0.step == step }).statistics
        var expected = BlockStatistics(ordinal: whole.ordinal)
        expected.samples = whole.samples
        expected.dropped = whole.dropped
        expected.undefined = whole.undefined
        expected.nonFinite = whole.nonFinite
        expected.identityGap.n = whole.identityGap.n
        expected.identityGap.p50 = whole.identityGap.p50
        expected.identityGap.p90 = whole.identityGap.p90
        expected.identityGapHistogram = whole.identityGapHistogram
        expected.residualRatio.n = whole.residualRatio.n
        expected.residualRatio.p50 = whole.residualRatio.p50
        expected.residualRatio.p90 = whole.residualRatio.p90
        expected.cosine = whole.cosine
        expected.taylorImportance = whole.taylorImportance
        #expect(read == expected)
      }
    }
  }

  @Test func `ranks that measured different steps come together in step order`() throws {
    let test = try TestStore()
    let attempt = Identity.random()
    var first = TestJournal(worldSize: 2, attempt: attempt)
    var second = TestJournal(run: first.opened.run, rank: 1, worldSize: 2, attempt: attempt)
    func frames(_ steps: [Int], _ gap: Double) -> [ProbeCore.Record] {
      steps.map { .frame(Golden.frame(step: $0, gap: gap)) }
    }
    _ = try test.store.append(first.batch(frames([5, 10, 30], 0.25)))
    _ = try test.store.append(second.batch(frames([0, 10, 20, 40], 0.5)))
    let steps = try test.store.steps(ofRun: 1)
    #expect(steps.map(\.step) == [0, 5, 10, 20, 30, 40])
    let history = try test.store.history(
      of: try #require(try test.store.run(1)), steps: steps,
      request: HistoryRequest(window: 5...30, reference: nil, threshold: 0.1))
    let window = history.blocks[0].window
    #expect(window.map(\.step) == [5, 10, 20, 30])
    #expect(window.map(\.statistics.identityGap.p50) == [0.25, 0.375, 0.5, 0.25])
    #expect(
      try test.rows("SELECT step, loss, recorder_seconds FROM run_step ORDER BY step")
        == steps.map { [.integer(Int64($0.step)), .real($0.loss ?? 0), .real(0.00025)] })
    #expect(try test.store.run(1)?.frames == 6)
    #expect(abs((try test.store.run(1)?.recorderSeconds ?? 0) - 6 * 0.00025) < 1e-12)
  }

  @Test func `a run is found by number, uuid, name and as the latest`() throws {
    let test = try TestStore()
    var old = TestJournal(started: 1e9, name: "twin")
    var new = TestJournal(started: 2e9, name: "twin")
    var digits = TestJournal(started: 1.5e9, name: "1")
    for batch in [new.batch([]), old.batch([]), digits.batch([])] {
      _ = try test.store.append(batch)
    }
    #expect(try test.store.select(RunSelector("latest")).run.id == 1)
    #expect(try test.store.select(RunSelector("twin")).run.id == 1)
    #expect(try test.store.select(RunSelector("twin")).others == 1)
    #expect(try test.store.select(RunSelector("2")).run.name == "twin")
    #expect(try test.store.select(RunSelector("1")).run.name == "twin")
    #expect(try test.store.select(RunSelector(digits.opened.run.description)).run.id == 3)
    let error = #expect(throws: StoreError.self) { try test.store.select(RunSelector("none")) }
    #expect(error?.kind == .notFound)
    #expect(
      error?.description
        == "cannot find run none: no run of \(test.path) has this number, uuid or name")
    #expect(error?.hint == "`resnet-probe runs` lists them")
  }

  @Test func `a run whose frames no verdict has seen is known until it is judged`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch([.frame(Golden.frame(step: 0, gap: 0.01))]))
    #expect(try test.store.runsWithVerdictsDue() == [1])
    try test.store.write([BlockVerdict(ordinal: 0, verdict: .active)], ofRun: 1, settings: "{}")
    #expect(try test.store.runsWithVerdictsDue().isEmpty)
  }

  @Test func `absurd counts of dropped frames stay a number`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let frames: [ProbeCore.Record] = (0..<1500).map {
      var frame = Golden.frame(step: $0, gap: 0.5)
      frame.droppedFrames = 1 << 53
      return .frame(frame)
    }
    for part in 0..<15 {
      _ = try test.store.append(journal.batch(Array(frames[(part * 100)..<(part * 100 + 100)])))
    }
    #expect(try test.store.run(1)?.droppedFrames == 1 << 53)
  }

  @Test func `verdicts are rows that SQL users get`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch([.frame(Golden.frame(step: 0, gap: 0.01))]))
    var verdict = BlockVerdict(ordinal: 0, verdict: .nearIdentity)
    verdict.origin = .atBirth
    verdict.sinceStep = 0
    verdict.upper = 0.02
    for _ in 0..<2 {
      try test.store.write(
        [verdict, BlockVerdict(ordinal: 1, verdict: .notApplicable)], ofRun: 1, settings: "{}")
    }
    #expect(
      try test.rows("SELECT name, verdict, origin, verdict_upper FROM block_latest")
        == [
          [.text("layer1.0"), .text("near_identity"), .text("at_birth"), .real(0.02)],
          [.text("layer1.1"), .text("not_applicable"), .null, .null],
        ])
    #expect(try test.rows("SELECT name FROM low_gap") == [[.text("layer1.0")]])
    #expect(try test.number("SELECT identity_blocks FROM run_summary") == 1)
    #expect(try test.store.runs().map(\.identityBlocks) == [1])
  }
}
