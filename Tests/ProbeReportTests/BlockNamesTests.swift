internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `The names of blocks in a report` {
  private static let layers = (0..<12).flatMap { layer in
    ["attention", "intermediate"].map { "bert.encoder.layer.\(layer).\($0)" }
  }

  private static func text(_ names: [String], width: Int?, ablated: Bool = false) -> String {
    var history = Sample.history(
      names.map { .init(name: $0, from: 0.5, to: 0.2, verdict: .active) })
    if ablated {
      let all = names.indices.map { ordinal in
        var ablation = Ablation(ordinals: [ordinal], wallTime: 0, lossChanges: Moments())
        ablation.loss = .init(value: 0.03125, lower: 0.0117, upper: 0.0529)
        return ablation
      }
      history.ablations = Ablations(
        Examination(
          identity: Sample.run.uuid, step: 2001, samples: 360, planned: names.count, baseLoss: 0.1),
        all)
    }
    return TerminalRenderer(width: width).render(Sample.report(history, verdicts: []))
  }

  /// The cells of the column of names.
  private static func shown(_ text: String, of count: Int) -> [String] {
    text.split(separator: "\n").drop { !$0.contains("──") }.dropFirst().prefix(count).compactMap {
      let cells = $0.split(separator: " ")
      return cells.count > 1 ? String(cells[1]) : nil
    }
  }

  @Test func `are without what all begin with where there is no room`() {
    let text = Self.text(Self.layers, width: 100)
    #expect(Self.shown(text, of: 24).first == "0.attention")
    #expect(Self.shown(text, of: 24).last == "11.intermediate")
    #expect(text.contains("\nblock: names after bert.encoder.layer.\n"))
  }

  @Test(arguments: [nil, 400])
  func `are whole where there is room`(width: Int?) {
    let text = Self.text(Self.layers, width: width)
    #expect(Self.shown(text, of: 24) == Self.layers)
    #expect(!text.contains("names after"))
  }

  @Test(arguments: Array(50...140))
  func `are never shortened to the same text`(width: Int) {
    for ablated in [false, true] {
      let text = Self.text(Self.layers, width: width, ablated: ablated)
      #expect(Set(Self.shown(text, of: 24)).count == 24, "\(text)")
    }
    let nested = (0..<4).flatMap { stage in
      (0..<4).map { "backbone.stages.\(stage).blocks_of_the_stage.\($0).residual_branch" }
    }
    #expect(Set(Self.shown(Self.text(nested, width: width), of: 16)).count == 16)
  }

  @Test func `without anything in common stay as they are`() {
    let names = ["layer1.0.a_long_name_of_a_block", "layer2.0.a_long_name_of_a_block"]
    #expect(!Self.text(names, width: 60).contains("names after"))
    #expect(!Self.text(["only.one.block.of.a.very.long.name"], width: 50).contains("names after"))
    #expect(
      !Self.text(["a_rather_long_prefix.", "a_rather_long_prefix.b"], width: 50)
        .contains("names after"))
  }

  @Test(arguments: [(80, "+0.031 (+0.012 … +0.053)"), (60, "  +0.031  "), (130, "+0.053)")])
  func `give way to what the ablation says`(width: Int, change: String) {
    let text = Self.text(Self.layers, width: width, ablated: true)
    #expect(text.contains(change), "\(text)")
    #expect(text.contains("\nΔloss: "))
    #expect(text.contains("with its bounds") == (width >= 72))
  }
}
