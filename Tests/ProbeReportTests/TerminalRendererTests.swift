internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `The terminal renderer` {
  private static let hostile = Sample.report(
    Hostile.names.enumerated().map { place, name in
      .init(
        name: name, from: 0.5, to: 0.01, verdict: Verdict.allCases[place % Verdict.allCases.count])
    },
    run: {
      var run = Sample.run
      run.name = Hostile.names.joined()
      run.project = "\u{1b}[2J"
      run.droppedFrames = 7
      return run
    }())

  @Test(arguments: Array(1...130) + [200, 1000])
  func `is never wider than the terminal`(width: Int) {
    for line in TerminalRenderer(width: width).render(Self.hostile).split(separator: "\n") {
      #expect(DisplayWidth.of(line) <= max(2, width), "\(line)")
    }
  }

  @Test(arguments: [1, 60, 100, nil])
  func `lets nothing hostile through`(width: Int?) {
    #expect(Hostile.isHarmless(TerminalRenderer(width: width).render(Self.hostile)))
  }

  @Test func `colours only when asked, and changes nothing else`() {
    let plain = TerminalRenderer(width: 100).render(Sample.report())
    let coloured = TerminalRenderer(width: 100, colour: true).render(Sample.report())
    #expect(!plain.contains("\u{1b}"))
    let codes = coloured.split(separator: "\u{1b}[", omittingEmptySubsequences: false)
    let stripped =
      codes.first! + codes.dropFirst().map { $0.drop { $0 != "m" }.dropFirst() }.joined()
    let trimmed = stripped.split(separator: "\n", omittingEmptySubsequences: false)
      .map { String($0.reversed().drop { $0 == " " }.reversed()) }
    #expect(trimmed.joined(separator: "\n") == plain)
  }

  @Test func `shows findings and leaves the table out without blocks`() {
    var run = Sample.run
    run.status = nil
    let report = Sample.report(History(run: run, steps: [], blocks: []), verdicts: [])
    #expect(
      TerminalRenderer(width: 80).render(report) == """
        Run 42 · resnet-digits · project digits
        running at step 2000 of 2001 · 84 steps measured · batch loss 0.0123 ·
          recording took 3.2 s (0.4 %)

        The run has no blocks.

        ! The run has not finished: last measured at step 2000 of 2001. Verdicts may
          change.

        """)
  }

  @Test func `gives every one of a thousand blocks a line`() {
    let plans = (0..<1000).map {
      Sample.Plan(name: "blocks.\($0)", from: 0.4, to: 0.02, verdict: .nearIdentity)
    }
    let text = TerminalRenderer(width: 100).render(Sample.report(plans))
    let lines = text.split(separator: "\n")
    #expect(lines.filter { $0.contains("  near identity  ") }.count == 1000)
    #expect(text.contains("blocks.11 and 988 more (collapsed,"))
    #expect(lines.allSatisfy { DisplayWidth.of($0) <= 100 })
  }

  @Test func `shows a block without records as absent`() {
    var history = Sample.history([.init(name: "only", from: 0.5, to: 0.5, verdict: .active)])
    history.blocks[0] = BlockHistory(block: history.blocks[0].block)
    let text = TerminalRenderer(width: 80).render(Sample.report(history, verdicts: []))
    #expect(text.contains("0  only   residual      0    ·  undetermined\n"))
  }
}
