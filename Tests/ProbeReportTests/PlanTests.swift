internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `A plan` {
  private func text(
    _ history: History, width: Int? = nil, choice: CandidateSet.Choice = .withinTolerance,
    tolerance: Double? = nil
  ) -> String {
    var settings = VerdictSettings()
    settings.tolerance = tolerance
    return PlanRenderer(width: width).render(
      SampleDepth.plan(history, choice: choice, settings: settings))
  }

  @Test func `at 80 columns`() {
    #expect(
      text(SampleDepth.examined(), width: 80) == """
        Run 42 · resnet-digits

        Candidates: blocks 9–11 of 12 could go together for +0.0035 (+0.0018 … +0.0052)
          of loss, confirmed on 1024 samples.
        They take 25 % of the blocks' multiply–accumulates and 25 % of their parameters.
        Examined after 2001 steps on 1024 samples: loss 0.5, 10 % wrong predictions.
        Loss: +0.0035 (the sum of each alone) to +0.0035 (+0.0018 … +0.0052) (measured
          together).
        On the samples that did not choose them the upper bound is +0.0059; tolerated
          are 0.01.
        The share of wrong predictions changes by +0.00035 (+0.00018 … +0.0007).
        No more: without block 8 too the loss may rise by +0.011 (tolerated are 0.01) on
          the samples that chose nothing.

         #  candidate  verdict                        Δloss alone  parameters    MACs
        ──  ─────────  ─────────────  ───────────────────────────  ──────────  ──────
        11  layer2.5   low influence  +0.0005 (−0.0006 … +0.0016)        9216  589824
        10  layer2.4   low influence   +0.001 (−0.0002 … +0.0022)        9216  589824
         9  layer2.3   low influence   +0.002 (+0.0006 … +0.0034)        9216  589824
        Δloss alone: removed by itself, with its bounds, in the loss's unit

        dropped                 greedy Δloss  held out    Δerror  deepest first  random
        ───────  ───────────────────────────  ────────  ────────  ─────────────  ──────
              1  +0.0005 (−0.0006 … +0.0016)   +0.0021  +5e-05          +0.0005   +0.06
              2  +0.0015 (+0.0002 … +0.0028)   +0.0033  +0.00015        +0.0015       ·
              3  +0.0035 (+0.0018 … +0.0052)   +0.0059  +0.00035        +0.0035       ·
              4     +0.0076 (+0.005 … +0.01)   +0.011   +0.00076        +0.0076   +1.1
              5     +0.018 (+0.013 … +0.022)   +0.024   +0.0018         +0.018        ·
              6      +0.039 (+0.03 … +0.048)   +0.051   +0.0039               ·       ·
              7      +0.095 (+0.075 … +0.12)   +0.12    +0.0095         +0.83     +2.8
              8        +0.22 (+0.18 … +0.27)   +0.29    +0.022                ·       ·
              9        +0.54 (+0.43 … +0.65)   +0.69    +0.054                ·       ·
             10          +1.2 (+0.93 … +1.4)   +1.5     +0.12           +1.7      +4
             11           +2.3 (+1.8 … +2.7)   +2.9     +0.23                 ·       ·
             12           +4.1 (+3.3 … +4.9)   +5.3     +0.41           +4.1      +4.1
        dropped: that many blocks together; greedy: each time, of a few that were tried,
          the block that surely costs least; held out: its upper bound on the samples
          that chose nothing; random: the mean over orders by chance
        Not shown for want of room: range

        Next: `resnet-probe plan --run 42 --json > plan.json`, then
          `resnet_probe.bypass(model, "plan.json")` in Python gives a copy without them,
          to evaluate on other samples or to train on.

        """)
  }

  @Test func `shows more where there is room, and less where there is none`() {
    let wide = text(SampleDepth.examined(), width: 120)
    #expect(wide.contains("  random          range\n") && wide.contains("+0.01 … +0.11\n"))
    let narrow = text(SampleDepth.examined(), width: 40)
    #expect(narrow.contains("\nlayer2.5   +0.0005 (−0.0006 … +0.0016)\n"))
    #expect(
      narrow.contains(
        "\nNot shown for want of room: held out,\n  Δerror, deepest first, random, range\n"))
    let coloured = PlanRenderer(width: 80, colour: true).render(
      SampleDepth.plan(SampleDepth.examined()))
    #expect(coloured.contains("\u{1b}[1mRun 42 · resnet-digits\u{1b}[0m\n"))
  }

  @Test func `takes what was asked for, and says what is not confirmed`() {
    let five = text(SampleDepth.examined(), choice: .drop(5))
    #expect(
      five.contains(
        "\nThe first 5 of the greedy order: blocks 7–11 of 12. Without them the loss changes by +0.018 "
          + "(+0.013 … +0.022), not confirmed: on the samples that did not choose them the loss may rise "
          + "by +0.024 (tolerated are 0.01).\n"))
    #expect(text(SampleDepth.examined(), choice: .drop(3)).contains("confirmed on 1024 samples."))
    #expect(
      text(SampleDepth.examined(), choice: .drop(50)).contains(
        "\nAsked for were 50; there are 12.\n"))
    #expect(
      text(SampleDepth.examined(), tolerance: 1e-9).contains(
        "\nNo candidates: without block 11, the first of the greedy order, the loss may rise by +0.0021 "
          + "(tolerated are 1e-09) on the samples that chose nothing.\n"))
    #expect(!text(SampleDepth.examined(), tolerance: 1e-9).contains("Next: "))
    #expect(
      text(SampleDepth.examined(), tolerance: 0.0110).contains(
        "No more: without block 8 too the loss may rise by +0.0111 (tolerated are 0.011) on the "
          + "samples that chose nothing.\n"))
    let all = text(SampleDepth.examined(), tolerance: 1e9)
    #expect(all.contains("\nNo more: without block 3 too the error rises by at least 1.1 %.\n"))
  }

  @Test func `rests on verdicts where nothing was measured`() {
    let identities = Sample.history()
    let text = PlanRenderer().render(
      Plan(
        history: identities, verdicts: Sample.verdicts(),
        window: VerdictWindow(steps: identities.steps, settings: VerdictSettings())))
    #expect(
      text.hasPrefix(
        """
        Run 42 · resnet-digits

        Candidates: blocks 3, 5 and 7 of 8, by their verdicts, not confirmed: the network was never examined (probe.examine).
        They take 38 % of the blocks' multiply–accumulates and 38 % of their parameters.

        #  candidate  verdict          parameters    MACs
        ─  ─────────  ───────────────  ──────────  ──────
        5  layer3.1   strict identity        9216  589824
        7  layer3.3   strict identity        9216  589824
        3  layer2.1   near identity          9216  589824

        Next: `resnet-probe plan --run 42 --json > plan.json`
        """))
    #expect(
      self.text(SampleDepth.history())
        == """
        Run 42 · resnet-digits

        No candidates: no verdict calls a block an identity, and the network was never examined (probe.examine).

        """)
    let few = self.text(SampleDepth.examined(samples: 50))
    #expect(few.contains("and 50 samples bound too little.\n") && few.contains("greedy Δloss"))
  }

  @Test func `has no bounds where a loss was not finite`() throws {
    var history = SampleDepth.examined()
    let place = try #require(history.ablations!.all.firstIndex { $0.ordinals == [9, 10, 11] })
    history.ablations!.all[place].loss = nil
    history.ablations!.all[place].halves = nil
    history.ablations!.all[place].nonFinite = 1
    #expect(text(history).contains("\n      3                   not finite"))
    #expect(
      text(history).contains("\nNo more: without block 9 too the loss is no longer finite.\n"))
    #expect(
      text(history, choice: .drop(3)).contains(
        "\nThe first 3 of the greedy order: blocks 9–11 of 12. Without them the loss is no longer finite, "
          + "not confirmed: without block 9 too the loss is no longer finite.\n"))
  }

  @Test func `has exactly the documented keys in JSON`() throws {
    let json = try JSONValue.parse(JSONRenderer().render(SampleDepth.plan(SampleDepth.examined())))
    let change = { (key: String) in [key, "\(key).lower", "\(key).upper", "\(key).value"] }
    let costs = { (key: String) in
      [key, "\(key).dropped", "\(key).of_all_blocks", "\(key).share"]
    }
    let block = [
      "activation", "confirmation", "kind", "macs", "name", "ordinal", "parameters", "sample_axis",
      "shape", "shortcut", "stage", "verdict",
    ].map { "blocks.\($0)" }
    let examination = [
      "base_error", "base_loss", "confidence", "samples", "step", "tolerance",
    ].map { "examination.\($0)" }
    let rest = [
      "basis", "blocks", "confirmed", "curves", "curves.number", "curves.points",
      "curves.points.dropped", "curves.points.held_out_upper", "curves.points.ordinals",
      "curves.strategy", "examination",
      "format", "loss", "loss.held_out_upper", "loss.sum_of_singles", "run", "run.id", "run.name",
      "run.uuid", "words",
    ]
    let changes =
      change("blocks.loss_change") + change("curves.points.error_change")
      + change("curves.points.loss_change") + change("error_change") + change("loss.jointly")
    #expect(
      json.paths
        == (block + examination + rest + changes + costs("macs") + costs("parameters")).sorted())
    #expect(json["format"] == .text("resnet-probe.plan/1"))
    #expect((0..<3).map { json["blocks"]?[$0]?["ordinal"] } == [11, 10, 9].map { .number($0) })
    #expect(json["curves"]?[3]?["number"] == .number(1))
    let none = try JSONValue.parse(JSONRenderer().render(SampleDepth.plan(SampleDepth.history())))
    #expect(none["basis"] == .text("none") && none["loss"] == .null)
    #expect(none["examination"] == .null && none["blocks"] == .array([]))
  }

  @Test func `keeps hostile names exact in JSON and harmless at a terminal`() throws {
    let names = Array(Hostile.names.suffix(12))
    let plan = SampleDepth.plan(SampleDepth.examined(names: names), choice: .drop(12))
    let json = JSONRenderer().render(plan)
    #expect(Hostile.isHarmless(json))
    let blocks = try JSONValue.parse(json)["blocks"]
    for (place, ordinal) in SampleDepth.orders[0].ordinals.enumerated() {
      #expect(blocks?[place]?["name"] == .text(names[ordinal]))
    }
    #expect(Hostile.isHarmless(PlanRenderer(width: 100).render(plan)))
  }
}
