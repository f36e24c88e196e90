internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `A report's depth` {
  private func text(_ history: History, width: Int? = nil) -> String {
    TerminalRenderer(width: width).render(SampleDepth.report(history))
  }

  @Test func `is said in words before the table of blocks`() {
    let text = text(SampleDepth.examined())
    #expect(
      text.contains(
        """

        Depth: about 4 of 12 blocks do the work (participation depth 4.16 by ablation; 4.6 by Taylor importance).
        Most gradient flows through paths about 1.3 ± 1 blocks long, of 12.
        Candidates: blocks 9–11 of 12 could go together for +0.0035 (+0.0018 … +0.0052) of loss, confirmed on 1024 samples.
        They take 25 % of the blocks' multiply–accumulates and 25 % of their parameters.
        At 7 dropped: greedy +0.095, deepest first +0.83, random +2.8 of loss.
        Of 2 blocks in a row blocks 4 and 5 turn the stream least (angular distance 0.038), the last of their stage.

         #  block
        """))
    #expect(!text.lowercased().contains("remove the") && !text.contains("nats"))
  }

  @Test func `is two or three lines of a network that was never examined`() {
    let never = text(SampleDepth.history())
    #expect(
      never.contains(
        """
        Skill: not confirmed; no block was ablated (probe.examine).
        Depth: about 5 of 12 blocks do the work as far as training tells (participation depth 4.6 by Taylor importance).
        Most gradient flows through paths about 1.3 ± 1 blocks long, of 12.
        What several blocks cost together is not known: never examined (probe.examine).

        """))
    #expect(!never.contains("participation  entropy") && !never.contains("CKA"))
    let one = text(Sample.history([.init(name: "only", from: 0.5, to: 0.5, verdict: .active)]))
    #expect(
      one.contains(
        "\nDepth: what several blocks cost together is not known: never examined (probe.examine).\n"
      ))
    let none = Sample.report(History(run: Sample.run, steps: [], blocks: []), verdicts: [])
    #expect(!TerminalRenderer().render(none).contains("Depth"))
  }

  @Test func `is in tables with what they mean`() {
    let text = text(SampleDepth.examined(), width: 80)
    #expect(
      text.contains(
        """

        depth by           participation  entropy  blocks
        ─────────────────  ─────────────  ───────  ──────
        ablation                    4.16     5.01      12
        Taylor importance           4.60     5.50      12
        block influence            12.0     12.0       12
        squared gap                12.0     12.0       12
        participation: (Σs)²/Σs² of each block's score s; entropy: exp H(s/Σs), which
          counts small scores more

        stage  blocks  turns  straight  tortuosity
        ─────  ──────  ─────  ────────  ──────────
            0     0–5  0.334    0.152         2.20
            1    7–11  0.104    0.0463        2.23
        turns: the sum of the blocks' angular distances, in half turns; straight: the
          angular distance of the whole; tortuosity: turns over straight: 1 where no
          block undoes another's turn

        stage  length  least turned   angle  span gap                        Δloss
        ─────  ──────  ────────────  ──────  ────────  ───────────────────────────
            0       2           4–5  0.0384     0.223                            ·
            0       4           2–5  0.0817     0.368                            ·
            0       6           0–5  0.152      0.607                            ·
            1       2         10–11  0.0285     0.223  +0.0015 (+0.0002 … +0.0028)
            1       4          8–11  0.0408     0.368     +0.0076 (+0.005 … +0.01)
            1       5          7–11  0.0463     0.472     +0.018 (+0.013 … +0.022)

        """))
    let narrow = self.text(SampleDepth.examined(), width: 40)
    #expect(narrow.contains("\nNot shown for want of room: span gap,\n  Δloss\n"))
    #expect(!narrow.contains("span gap: "))
  }

  @Test func `is drawn as fields of shades, of spans and of CKA`() {
    let text = text(SampleDepth.examined(), width: 80)
    #expect(
      text.contains(
        """

        Angle of the stream from before one block to after another
        stage 0            stage 1
           0 1 2 3 4 5         7 8 9 10
        0 │▓▓██████████│    7 │    ░░░░░░│
        1 │██▒▒▓▓▓▓▓▓▓▓│    8 │      ░░░░│
        2 │██▓▓░░▒▒▒▒▒▒│    9 │░░      ░░│
        3 │██▓▓▒▒░░░░░░│   10 │░░░░      │
        4 │██▓▓▒▒░░  ░░│   11 │░░░░░░    │
        5 │██▓▓▒▒░░░░  │
        half turns: blank below 0.03, ░ below 0.061, ▒ below 0.091, ▓ below 0.12,
          █ up to 0.15, · unknown

        CKA of what blocks return
        all blocks
            0 1 2 3 4 5 6 7 8 9 10
         0 │██████▓▓▓▓▓▓▒▒▒▒░░░░    │
         1 │████████▓▓▓▓▓▓▒▒▒▒░░░░  │

        """))
  }

  @Test func `tells what dense blocks read and how alike plain ones are`() {
    let dense = text(SampleDepth.dense())
    #expect(
      dense.contains(
        "\nStage 0: of what dense blocks weigh, the stage's input has 54 % (41 % of the maps), earlier "
          + "blocks 14 % (26 % of the maps), later ones 33 % (33 % of the maps); hardly read: block 1.\n"
      ))
    #expect(
      dense.contains(
        """

        What dense blocks (rows) weigh of each source (columns; in: the stage's input)
        stage 0
           in  1 2 3
        0 │▒▒········│
        1 │▓▓░░······│
        2 │▓▓░░  ····│
        3 │▓▓░░  ██··│
        4 │▒▒░░  ▓▓██│

        """))
    let plain = text(SampleDepth.plain())
    #expect(plain.contains("\nCKA of neighbours is 0.96 throughout.\n"))
    var history = SampleDepth.plain()
    history.ablations?.similarities.indices.forEach { place in
      let pair = history.ablations?.similarities[place]
      history.ablations?.similarities[place].cka = pair?.first == pair?.last ? 1 : 0.5
      if pair?.first == 2 { history.ablations?.similarities[place].cka = 0.75 }
    }
    #expect(
      text(history).contains(
        "\nCKA of neighbours is 0.50 (blocks 0 and 1) to 0.75 (blocks 2 and 3).\n"))
    history.ablations?.similarities.indices.forEach { place in
      history.ablations?.similarities[place].branchCKA = 0.97
    }
    #expect(
      text(history).contains(
        "\nWhat blocks 0 and 1 add differs from sample to sample in nearly the same way (CKA of their "
          + "branches 0.97), and so with 2 more pairs of neighbours; that does not say that one of them "
          + "could go.\n"))
  }

  @Test func `says what keeps numbers from being there`() {
    var history = SampleDepth.examined()
    history.ablations?.similarities = []
    #expect(
      text(history).contains(
        "\nHow alike blocks are was not measured (probe.examine with similarity=True).\n"))
    history = SampleDepth.examined()
    for place in history.ablations!.similarities.indices {
      history.ablations!.similarities[place].cka = nil
      history.ablations!.similarities[place].branchCKA = nil
    }
    #expect(text(history).contains("\nNo CKA: it needs batches of 4 rows or more.\n"))
    let old = text(SampleDepth.examined(step: 500))
    #expect(
      old.contains("\nMeasured at step 500: of another network than the verdicts.\n"))
    #expect(
      old.contains(
        "No candidates: no verdict calls a block an identity, and the examination, of step 500, is "
          + "older than the verdicts' window.\n"))
  }

  @Test func `tells of few sets that were removed together, and of none on a curve`() throws {
    var history = SampleDepth.examined()
    #expect(!text(history).contains("Removed together"))
    let sets = [[0, 1], [2, 4], [3, 5], [1, 2, 3], [9, 10]]
    history.ablations?.all += sets.map { SampleDepth.ablation($0) }
    // The greedy order's first two and a third that it tried, and its first three: none of them is told.
    history.ablations?.all += [[3, 10, 11]].map { SampleDepth.ablation($0) }
    let text = text(history)
    #expect(text.ranges(of: "\nRemoved together, ").count == 3)
    #expect(text.contains("\nRemoved together, layer1.0, layer1.1: the loss changes by +1.2 ("))
    #expect(text.contains("\n2 more sets of blocks: see --json.\n"))
    let json = try JSONValue.parse(JSONRenderer().render(SampleDepth.report(history)))
    let together = json["examination"]?["together"]
    #expect(together?[4]?["ordinals"] != nil && together?[5] == nil)
  }

  @Test(arguments: Array(1...130) + [200])
  func `is never wider than the terminal`(width: Int) {
    let names = Hostile.names.prefix(12).map { String($0) }
    for history in [
      SampleDepth.examined(names: names), SampleDepth.dense(), SampleDepth.plain(),
    ] {
      let report = TerminalRenderer(width: width).render(SampleDepth.report(history))
      let plan = PlanRenderer(width: width).render(SampleDepth.plan(history))
      for line in (report + plan).split(separator: "\n") {
        #expect(DisplayWidth.of(line) <= max(2, width), "\(line)")
      }
      #expect(Hostile.isHarmless(report + plan))
    }
  }

  @Test func `of 200 blocks is pooled, and stands absurd numbers`() throws {
    var history = Sample.history(
      (0..<200).map { .init(name: "b\($0)", from: 0.5, to: 0.3, verdict: .active) })
    let costs = (0..<200).map { Double($0 + 1) / 100 }
    for place in history.blocks.indices { history.blocks[place].block.stage = 0 }
    let order = RemovalOrder(strategy: .greedy, ordinals: Array(0..<200))
    history.ablations = Ablations(
      SampleDepth.examination(),
      SampleDepth.curves([order], blocks: 200, costs: costs), orders: [order],
      similarities: SampleDepth.similarities(history.blocks.map(\.block)))
    let text = text(history, width: 100)
    #expect(text.contains("A cell is the mean over 7 blocks each way; --json has all numbers.\n"))
    #expect(text.split(separator: "\n").count { $0.contains("│") } == 2 * 29)
    let plan = PlanRenderer(width: 100).render(SampleDepth.plan(history))
    #expect(plan.split(separator: "\n").count < 70)
    let absurd = [-.infinity, -1e308, -1, 0, .leastNonzeroMagnitude, 1e308, .infinity, .nan]
    for (place, value) in absurd.enumerated() {
      history.ablations!.similarities[place].cka = value
      history.ablations!.similarities[place].branchCKA = value
      let moments = Moments(n: 1, mean: value, m2: 0) ?? Moments()
      history.ablations!.similarities[place].angularDistance = moments
      history.ablations!.similarities[place].gapLogs = moments
      history.ablations!.similarities[place].gapSamples = .max
      history.ablations!.all[place].loss = .init(value: value, lower: value, upper: value)
      history.ablations!.all[place].halves = .init(even: value, odd: value)
      history.ablations!.all[place].error = .init(value: value, lower: value, upper: value)
      history.blocks[place].latest?.statistics.branchGain = moments
      history.blocks[place].block.parameters = .max
      history.blocks[place].block.macs = .max
    }
    history.ablations!.examination.step = .max
    for line
      in (self.text(history, width: 80)
      + PlanRenderer(width: 80).render(SampleDepth.plan(history, choice: .drop(.max))))
      .split(separator: "\n")
    {
      #expect(DisplayWidth.of(line) <= 80)
    }
    #expect(throws: Never.self) {
      try JSONValue.parse(JSONRenderer().render(SampleDepth.report(history)))
    }
  }

  @Test func `is in the JSON with every number, or null`() throws {
    let none = Sample.report(History(run: Sample.run, steps: [], blocks: []), verdicts: [])
    #expect(try JSONValue.parse(JSONRenderer().render(none))["depth"] == .null)
    let report = SampleDepth.report(SampleDepth.examined())
    let depth = try #require(try JSONValue.parse(JSONRenderer().render(report))["depth"])
    let change = { (key: String) in [key, "\(key).lower", "\(key).upper", "\(key).value"] }
    let costs = { (key: String) in
      [key, "\(key).dropped", "\(key).of_all_blocks", "\(key).share"]
    }
    #expect(
      depth["candidates"]?.paths
        == ([
          "basis", "confirmed", "loss", "loss.held_out_upper", "loss.sum_of_singles", "ordinals",
          "tolerance",
        ]
        + change("error_change") + change("loss.jointly") + costs("macs") + costs("parameters"))
        .sorted())
    #expect(
      depth["curves"]?.paths
        == ([
          "number", "points", "points.dropped", "points.held_out_upper", "points.ordinals",
          "strategy",
        ]
        + change("points.loss_change") + change("points.error_change")).sorted())
    #expect(
      depth["effective"]?.paths == [
        "blocks", "counted", "entropy", "participation", "score", "shares", "shares.ordinal",
        "shares.share",
      ])
    #expect(
      depth["path_length"]?.paths == [
        "blocks", "counted", "mean", "shares", "shares.ordinal", "shares.share", "spread",
      ])
    #expect(depth["tortuosity"]?.paths == ["chord", "first", "last", "stage", "value", "way"])
    #expect(depth["similarity"]?.paths == ["branch_cka", "cka", "first", "last"])
    #expect(
      depth["spans"]?.paths
        == (["angular_distance", "first", "last", "span_gap", "stage"] + change("loss_change"))
        .sorted())
    #expect(depth["effective"]?[0]?["score"] == .text("ablation"))
    #expect(depth["words"]?[0] != nil)
    // All pairs of twelve blocks; 21 spans of six blocks and 15 of five.
    #expect(depth["similarity"]?[77] != nil && depth["similarity"]?[78] == nil)
    #expect(depth["spans"]?[35] != nil && depth["spans"]?[36] == nil)
    // CKA of branches may be known of other blocks than CKA of what blocks return.
    var half = SampleDepth.examined()
    for place in half.ablations!.similarities.indices {
      let pair = half.ablations!.similarities[place]
      if pair.first < 3 { half.ablations!.similarities[place].cka = nil }
      if pair.last > 8 { half.ablations!.similarities[place].branchCKA = nil }
    }
    let halves = try JSONValue.parse(JSONRenderer().render(SampleDepth.report(half)))
    let first = halves["depth"]?["similarity"]?[0]
    #expect(first?["cka"] == .null && first?["branch_cka"] == .number(1))
    // 9·10/2 pairs of blocks to 8 and the pairs from 3 on that reach beyond.
    #expect(halves["depth"]?["similarity"]?[68] != nil)
    #expect(halves["depth"]?["similarity"]?[69] == nil)
    let dense = try JSONValue.parse(JSONRenderer().render(SampleDepth.report(SampleDepth.dense())))
    #expect(
      dense["depth"]?["reuse"]?.paths == [
        "early", "early.map_share", "early.weight_share", "input", "input.map_share",
        "input.weight_share", "readings", "readings.maps", "readings.mean_weight",
        "readings.reader", "readings.relative", "readings.source", "recent", "recent.map_share",
        "recent.weight_share", "sources", "sources.readers", "sources.relative", "sources.source",
        "stage",
      ])
  }
}
