import ProbeCore
import ProbeReport
import Testing

@Suite struct NotedFindingsTests {
  private func words(_ findings: [NotedFinding], _ kind: Finding.Kind) -> [String] {
    var history = Sample.history()
    history.findings = findings
    return Report(history: history, verdicts: [], window: nil).findings
      .filter { $0.kind == kind }.map(\.words)
  }

  private func change(_ ordinal: Int, _ isIdentity: Bool, at step: Int) -> NotedFinding {
    NotedFinding(
      .verdictChanged, ordinal: ordinal, isIdentity: isIdentity, firstStep: step,
      noticedStep: step + 590)
  }

  @Test func `every kind that a store keeps is a kind of a report's findings`() {
    for kind in NotedFinding.Kind.allCases {
      #expect(Finding.Kind(rawValue: kind.rawValue) != nil, "\(kind.rawValue)")
    }
  }

  @Test func `changes of verdicts are told by step, blocks of one step together, birth not`() {
    #expect(
      words(
        [
          change(3, true, at: 1400), change(1, true, at: 1200), change(0, true, at: 1400),
          change(5, true, at: 0), change(6, true, at: 0), change(5, false, at: 700),
        ], .verdictChanged) == [
          "layer3.1 was no longer an identity from step 700 on.",
          "layer1.1 became an identity: three windows in a row, from step 1200 on.",
          "layer1.0, layer2.1 became identities: three windows in a row, from step 1400 on.",
        ])
  }

  @Test func `changes of verdicts say their ε where the report has another one`() {
    var history = Sample.history()
    history.findings = [change(1, true, at: 1200), change(3, false, at: 700)]
    func told(_ settings: VerdictSettings) -> [String] {
      Report(history: history, verdicts: [], window: nil, settings: settings).findings
        .filter { $0.kind == .verdictChanged }.map(\.words)
    }
    var settings = VerdictSettings()
    settings.epsilon = 0.0001
    #expect(
      told(settings) == [
        "layer2.1 was no longer an identity (by ε 0.05) from step 700 on.",
        "layer1.1 became an identity (by ε 0.05): three windows in a row, from step 1200 on.",
      ])
    settings = VerdictSettings()
    settings.minimumRecords = 5
    #expect(told(settings).allSatisfy { !$0.contains("ε") })
  }

  @Test func `of many changes the newest are told, the others counted`() {
    let many = (0..<20).map { change($0 % 4, $0 % 8 < 4, at: 100 * ($0 + 1)) }
    let told = words(many, .verdictChanged)
    #expect(told.count == 7)
    #expect(
      told[0]
        == "14 earlier changes of a verdict (SELECT * FROM run_finding WHERE kind = 'verdict_changed')."
    )
    #expect(told[6] == "layer2.1 became an identity: three windows in a row, from step 2000 on.")
  }

  @Test func `a block that the run does not have is passed over`() {
    #expect(words([change(99, true, at: 3)], .verdictChanged) == [])
  }

  @Test func `the first step that is not finite comes from the store where it knows one`() {
    let noted = [
      NotedFinding(.nonFiniteSamples, ordinal: 3, firstStep: 40, noticedStep: 40),
      NotedFinding(.nonFiniteSamples, ordinal: 1, firstStep: 30, noticedStep: 30),
    ]
    #expect(
      words(noted, .nonFiniteSamples) == [
        "2 blocks have had samples that were NaN or infinite, first at step 30 in layer1.1."
      ])
  }

  @Test func `a newer recorder is named with what to do`() {
    #expect(
      words([NotedFinding(.newerRecorder, count: 3)], .newerRecorder) == [
        "3 records are of a kind that this version does not know: "
          + "the recorder is newer than it."
      ])
  }
}
