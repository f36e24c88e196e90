internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `The skill in a report` {
  /// The report on eight blocks whose Taylor importance and loss changes are given, with one half of the
  /// probe set and the other.
  private static func text(
    taylor: [Double], _ changes: [Double?], odd: [Double?]? = nil, planned: Int? = nil
  ) -> String {
    TerminalRenderer().render(report(taylor: taylor, changes, odd: odd, planned: planned))
  }

  private static func report(
    taylor: [Double], _ changes: [Double?], odd: [Double?]? = nil, planned: Int? = nil,
    step: Int = 2001
  ) -> Report {
    var history = Sample.history(
      taylor.enumerated().map { place, value in
        .init(name: "b\(place)", from: 0.5, to: 0.2, verdict: .active, taylor: value)
      })
    let ablations = changes.enumerated().map { place, change in
      var ablation = Ablation(ordinals: [place], wallTime: 0, lossChanges: Moments())
      ablation.nonFinite = change == nil ? 1 : 0
      ablation.loss = change.map { .init(value: $0, lower: $0, upper: $0) }
      ablation.halves = change.map { .init(even: $0, odd: (odd ?? changes)[place] ?? 0) }
      return ablation
    }
    history.ablations = Ablations(
      Examination(
        identity: Sample.run.uuid, step: step, samples: 360, planned: planned ?? changes.count,
        baseLoss: 0.1), ablations)
    return Sample.report(history, verdicts: [])
  }

  private static let losses = [0.8, 0.3, 0.5, 0.1, 0.4, 0.05, 0.2, 0.02]

  @Test func `is not confirmed without an examination`() {
    #expect(
      TerminalRenderer().render(Sample.report())
        .contains("\nSkill: not confirmed; no block was ablated (probe.examine).\n"))
  }

  @Test func `is told with its interval, the position and the noise ceiling`() {
    let text = Self.text(taylor: [9, 4, 8, 2, 3, 1, 2.5, 0.5], Self.losses)
    #expect(
      text.contains(
        "\nSkill: Taylor importance orders 8 ablations with Spearman 0.98 (0.87 to 1.00; "
          + "0.95 given position; noise ceiling 1.00).\n"))
    #expect(!text.contains("ablated so far"))
    #expect(!text.contains("uncertain"))
    #expect(!text.contains("does better"))
    #expect(
      text.contains(
        """
        predictor          Spearman         bounds  given position  blocks
        """))
    #expect(text.contains("taylor_importance      0.98"))
  }

  @Test func `says what is missing, and what does as well`() {
    let partial = Self.text(
      taylor: [9, 3, 8, 2, 4, 1, 2.5, 0.5], [0.8, 0.3, 0.5, 0.1, nil], planned: 8)
    #expect(partial.contains("\n5 of 8 blocks were ablated so far.\n"))
    #expect(
      partial.contains("\n1 block without which the loss is not finite does not take part.\n"))
    let position = Self.text(
      taylor: [1, 2, 3, 4, 5, 6, 7, 8], [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    #expect(position.contains("Spearman −1.00 ("))
    #expect(
      position.contains(
        ").\nIt orders them the other way round: what it calls important costs less.\n"))
    #expect(!position.contains("chance"))
    let nothing = Self.text(
      taylor: [1, 8, 2, 7, 3, 6, 4, 5, 9], [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], planned: 9)
    #expect(
      nothing.contains(
        ").\nThat cannot be told from chance.\n8 of 9 blocks were ablated so far.\n"))
    let both = Self.text(
      taylor: [8, 7, 6, 5, 4, 3, 1, 2], [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    #expect(both.contains("\nThe position alone orders them as well (1.00).\n"))
  }

  @Test func `warns of a probe set that does not tell the blocks apart`() {
    let taylor: [Double] = [9, 3, 8, 2, 4, 1, 2.5, 0.5]
    let opposite = Self.text(taylor: taylor, Self.losses, odd: Self.losses.map { -$0 })
    #expect(
      opposite.contains(
        "\nNo ceiling: the two halves of the probe set do not agree on the order at all. "
          + "Examine with more samples.\n"))
    #expect(!opposite.contains("noise ceiling 0"))
    let noisy = Self.text(
      taylor: taylor, Self.losses, odd: [0.5, 0.1, 0.2, 0.8, 0.3, 0.4, 0.05, 0.02])
    #expect(
      noisy.contains(
        "\nThe ablations' own order is uncertain (reliability 0.44): 360 samples hardly tell the "
          + "blocks apart. Examine with more.\n"))
    #expect(noisy.contains("noise ceiling 0.67)"))
  }

  @Test func `is not told where the ablations are older than the verdicts' window`() throws {
    func report(step: Int) -> Report {
      Self.report(taylor: [9, 3, 8, 2, 4, 1, 2.5, 0.5], Self.losses, step: step)
    }
    let text = TerminalRenderer().render(report(step: 500))
    #expect(
      text.contains(
        "\nSkill: not confirmed; the ablations are of step 500, before the steps that the verdicts "
          + "look at.\nDepth: "))
    #expect(!text.contains("Spearman"))
    #expect(!text.contains("taylor_importance"))
    let json = try JSONValue.parse(JSONRenderer().render(report(step: 500)))
    #expect(json["skill"]?["is_older"] == .bool(true))
    #expect(json["skill"]?["predictors"]?[0]?["spearman"] != .null)
    let recent = report(step: 1050)
    #expect(TerminalRenderer().render(recent).contains("with Spearman"))
    #expect(
      try JSONValue.parse(JSONRenderer().render(recent))["skill"]?["is_older"] == .bool(false))
  }

  @Test func `cannot be told of three blocks`() {
    #expect(
      Self.text(taylor: [1, 2, 3], [0.1, 0.2, 0.3]).contains(
        "\nSkill: Taylor importance cannot be held against 3 ablations: too few blocks, or all alike.\n"
      ))
  }

  @Test func `is in the JSON with every predictor`() throws {
    let report = Self.report(taylor: [9, 3, 8, 2, 4, 1, 2.5, 0.5], Self.losses)
    let json = try JSONValue.parse(JSONRenderer().render(report))
    #expect(
      json["skill"]?.paths == [
        "ablated", "blocks", "is_older", "noise_ceiling", "non_finite", "predictors",
        "predictors.blocks", "predictors.given_position", "predictors.lower",
        "predictors.predictor", "predictors.spearman", "predictors.upper", "reliability", "samples",
        "step",
      ])
    #expect(json["skill"]?["ablated"] == .number(8))
    #expect(json["skill"]?["noise_ceiling"] == .number(1))
    #expect(json["skill"]?["reliability"] == .number(1))
    let names = Predictor.allCases.map { JSONValue.text($0.rawValue) }
    #expect((0..<8).map { json["skill"]?["predictors"]?[$0]?["predictor"] } == names)
    #expect(json["skill"]?["predictors"]?[5]?["spearman"] == .null, "gate_rms was not measured")
    #expect(json["gradients"]?["now"]?["ratio"] == .number(1))
    #expect(json["gradients"]?["start"]?["step"] == .number(0))
  }

  @Test(arguments: [1, 20, 40, 60, 80])
  func `fits any terminal`(width: Int) {
    let report = Self.report(taylor: [9, 3, 8, 2, 4, 1, 2.5, 0.5], Self.losses)
    for line in TerminalRenderer(width: width).render(report).split(separator: "\n") {
      #expect(DisplayWidth.of(line) <= max(2, width), "\(line)")
    }
  }
}
