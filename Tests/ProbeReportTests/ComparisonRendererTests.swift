internal import Foundation
internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct ComparisonRendererTests {
  private func words(_ runs: [ComparedRun], repeated: [Int] = []) -> [String] {
    // As wide as needed: one line each.
    ComparisonRenderer().render(Comparison(runs, repeated: repeated)).split(separator: "\n")
      .filter { $0.hasPrefix("! ") }.map { String($0.dropFirst(2)) }
  }

  @Test(arguments: [20, 40, 60, 80, 100, 140, 200])
  func `no line is wider than the terminal`(width: Int) {
    let text = ComparisonRenderer(width: width).render(Sample.comparison)
    for line in text.split(separator: "\n") {
      #expect(DisplayWidth.of(line) <= width, "\(line)")
    }
  }

  @Test func `colours come where they are wanted, and change nothing else`() {
    let plain = ComparisonRenderer(width: 100).render(Sample.comparison)
    let coloured = ComparisonRenderer(width: 100, colour: true).render(Sample.comparison)
    #expect(!plain.contains("\u{1b}") && coloured.contains("\u{1b}[1m"))
    #expect(coloured.replacing(#/\u{1b}\[\d+m/#, with: "") == plain)
  }

  @Test func `each finding is one sentence or two, with its evidence`() {
    func residual(_ id: Int, _ configure: (inout History) -> Void) -> ComparedRun {
      Sample.compared(id, "r", .residual, depth: 2, loss: 0.1, configure: configure)
    }
    let other = residual(9) { _ in }
    let cases: [(ComparedRun, String)] = [
      (
        residual(1) { ($0.run.status, $0.run.plannedSteps) = (nil, nil) },
        "Run 1 (r) has not finished: last measured at step 2000. Its training loss is held against no other."
      ),
      (
        residual(1) { $0.run.status = .failed },
        "Run 1 (r) failed: last measured at step 2000 of 2001. Its training loss is held against no other."
      ),
      (
        residual(1) { history in
          for place in history.steps.indices { history.steps[place].loss = nil }
        }, "Run 1 (r) logged no training loss: depth cannot be held against it."
      ),
      (
        residual(1) { $0.steps[$0.steps.count - 1].loss = .nan },
        "Run 1 (r) diverged: its training loss has not been finite since step 2000."
      ),
      (
        residual(1) { $0.blocks = [] },
        "Run 1 (r) has no blocks: there is nothing to set beside others."
      ),
      (
        residual(1) { history in
          history.run.firstStep = 100
          history.steps.removeFirst()
        },
        "Run 1 (r) was recorded from step 100 on: what its gradient did at initialisation was not seen."
      ),
    ]
    for (run, expected) in cases { #expect(words([run, other]) == [expected]) }
    #expect(
      words([other, residual(1) { $0.run.name = "" }], repeated: [1])
        == ["Run 1 was named more than once and counts once."])
    let faster = residual(2) { history in
      for place in history.steps.indices { history.steps[place].learningRate = 0.2 }
    }
    #expect(
      words([other, faster]) == [
        "Not like for like: the learning rate is 0.1 in run 9, 0.2 in run 2. No degradation is claimed across that."
      ])
  }

  @Test func `learning rates that part name run, step and value`() {
    func run(_ id: Int, _ rate: @escaping (Int) -> Double) -> ComparedRun {
      Sample.compared(id, "r", .residual, depth: 2, loss: 0.1) { history in
        for place in history.steps.indices {
          history.steps[place].learningRate = rate(history.steps[place].step)
        }
      }
    }
    #expect(
      words([run(1) { _ in 0.1 }, run(2) { $0 < 1000 ? 0.1 : 0.01 }]) == [
        "Not like for like: the learning rate is 0.1 in run 1, 0.01 in run 2 at step 1000, where "
          + "courses part. No degradation is claimed across that."
      ])
  }

  @Test func `worse with depth says what is not known and what else may be the reason`() {
    func run(
      _ id: Int, _ kind: Block.Kind, _ depth: Int, _ loss: Double, start: Double = 1,
      _ config: [String: String] = ["optimizer": "SGD"]
    ) -> ComparedRun {
      Sample.compared(
        id, "r", kind, depth: depth, loss: loss, start: start, notes: RunNotes(config: config))
    }
    let residual = words([run(1, .residual, 2, 0.003), run(2, .residual, 8, 0.077)])
    #expect(
      residual == [
        "Residual networks of 8 blocks train worse than of 2: batch loss 0.077 (0.0757–0.0783) against "
          + "0.003 (0.00295–0.00305), 26 times as much. Loss function and data are not known to be "
          + "the same. With shortcuts depth alone hardly does that (He et al. 2015): look for what "
          + "else differs. One run of a depth is one seed."
      ])
    let steep = words([run(1, .plain, 2, 0.003), run(2, .plain, 8, 0.077, start: 2000, [:])])
    #expect(steep.count == 2)
    #expect(
      steep[0].hasSuffix(
        "(limit 1000). Below 10000 networks still train: its loss is held against others."))
    #expect(
      steep[1].hasSuffix(
        " Its gradient grows 2000 times from the last block to the first at step 0, which may be the "
          + "reason. Optimizer, loss function and data are not known to be the same. One run of a "
          + "depth is one seed."))
    let stuck = words([run(1, .plain, 2, 0.003), run(2, .plain, 8, 2.3, start: 0.004)])
    #expect(
      stuck == [
        "Run 2 (r) does not train: its batch loss is 2.3, and was 2.3 at step 0. That is no degradation; "
          + "it is held against no other. At step 0 the gradient at the first block is 0.004 times that "
          + "at the last."
      ])
  }

  @Test func `a loss that still falls has no bounds, and layers that are no blocks are named`() {
    func run(_ id: Int, _ kind: Block.Kind, _ depth: Int, _ projections: Int) -> ComparedRun {
      Sample.compared(id, "r", kind, depth: depth, loss: 0.1) { history in
        for place in history.steps.indices {
          history.steps[place].loss = 2.3 * pow(0.99, Double(history.steps[place].step))
        }
        for place in 0..<projections {
          history.blocks[place + 1].block.shortcut = .projection
        }
      }
    }
    let text = ComparisonRenderer().render(
      Comparison([
        run(1, .plain, 2, 0), run(2, .plain, 7, 0), run(3, .residual, 9, 2),
      ]))
    #expect(text.contains("  falling  "))
    #expect(text.contains(" and falling at 2 blocks, "))
    #expect(
      text.contains(
        "blocks: of plain networks those that change the stream's shape are not counted, so 7 are as "
          + "many layers as 9 with shortcuts"))
  }

  @Test func `what is said of depth needs two depths`() {
    let run = Sample.compared(1, "a", .residual, depth: 2, loss: 0.1)
    let text = ComparisonRenderer().render(Comparison([run, run]))
    #expect(
      text.hasPrefix(
        "No two runs of one family differ in depth alone: nothing is said of what depth does.\n"))
  }

  @Test func `names of runs, blocks, metrics and settings are made printable`() {
    let hostile = "\u{1b}[2J\u{202e}x\n"
    func run(_ id: Int, _ rate: String) -> ComparedRun {
      Sample.compared(
        id, hostile, .residual, depth: id, loss: 0.1 / Double(id * id * id),
        configure: { history in
          for place in history.blocks.indices {
            history.blocks[place].block.name = "\(hostile)\(place)"
          }
        },
        notes: RunNotes(
          config: ["lr": hostile + rate],
          metrics: [FinalMetric(key: "val_loss\(hostile)", value: Double(id), step: 1)]))
    }
    for comparison in [
      Comparison([run(1, "a"), run(2, "a")]),
      Comparison([run(1, "a"), run(1, "b")], repeated: [0]),
    ] {
      for text in [
        ComparisonRenderer(width: 60).render(comparison), ComparisonRenderer().render(comparison),
        JSONRenderer().render(comparison),
      ] {
        #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A })
        #expect(!text.unicodeScalars.contains("\u{202e}"))
        #expect(text.contains("x1b") || text.contains("u001b"))
      }
    }
  }

  @Test func `the whole rendering at 100 columns`() {
    let golden = """
      Plain networks: batch loss 0.003 at 2 blocks, 0.077 at 8 blocks. Deeper trains worse. Median ratio
        of a block: 0.781, 0.781.
      Residual networks: batch loss 0.0017 at 2 blocks, 0.004 at 8 blocks. Deeper differs too little to
        count (2.4 times the loss of 2, 2.3–2.4). Median ratio of a block: 0.469, 0.141.

      ! Run 5 (plain-27) is exploding at initialisation: at step 0 the gradient is 18000 times as large at
        the first of 27 blocks as at the last (limit 1000). Whatever its loss is, it is not counted as
        degradation.
      ! Degradation: plain networks of 8 blocks train worse than of 2: batch loss 0.077 (0.0757–0.0783)
        against 0.003 (0.00295–0.00305), 26 times as much. Residual networks of these depths: 0.0017 and
        0.004. Optimizer, loss function and data are not known to be the same. One run of a depth is one
        seed.

      run  name        family    blocks     loss           bounds  ∂ first/last    gap  ratio  ratio at 0
      ───  ──────────  ────────  ──────  ───────  ───────────────  ────────────  ─────  ─────  ──────────
        1  plain-2     plain          2  0.00300  0.00295–0.00305          1.00  0.625  0.781        1.40
        2  plain-8     plain          8  0.0770     0.0757–0.0783          1.00  0.625  0.781        1.40
        5  plain-27    plain         27  0.899        0.884–0.915      18000     0.625  0.781        1.40
        3  residual-2  residual       2  0.00170  0.00167–0.00173          1.00  0.375  0.469        1.40
        4  residual-8  residual       8  0.00400  0.00393–0.00407          1.00  0.113  0.141        1.40
      Not shown for want of room: gap at 0, test_accuracy

      gap along the depth
      depth     1 plain-2  2 plain-8  5 plain-27  3 residual-2  4 residual-8
      ────────  ─────────  ─────────  ──────────  ────────────  ────────────
      0–13 %            ·      0.625       0.625             ·        0.500
      13–25 %           ·      0.625       0.625             ·        0.250
      25–38 %       0.625      0.625       0.625         0.500        0.167
      38–50 %           ·      0.625       0.625             ·        0.125
      50–63 %           ·      0.625       0.625             ·        0.100
      63–75 %           ·      0.625       0.625             ·        0.0833
      75–88 %       0.625      0.625       0.625         0.250        0.0714
      88–100 %          ·      0.625       0.625             ·        0.0625

      ratio along the depth
      depth     1 plain-2  2 plain-8  5 plain-27  3 residual-2  4 residual-8
      ────────  ─────────  ─────────  ──────────  ────────────  ────────────
      0–13 %            ·      0.781       0.781             ·        0.625
      13–25 %           ·      0.781       0.781             ·        0.312
      25–38 %       0.781      0.781       0.781         0.625        0.208
      38–50 %           ·      0.781       0.781             ·        0.156
      50–63 %           ·      0.781       0.781             ·        0.125
      63–75 %           ·      0.781       0.781             ·        0.104
      75–88 %       0.781      0.781       0.781         0.312        0.0893
      88–100 %          ·      0.781       0.781             ·        0.0781

      loss: geometric mean of the batches' losses over the verdict's window, where it falls over its last
        third; bounds: 95 % confidence on each side, of this run
      gap: ‖y − x‖/‖x‖, median over blocks and samples; now, and at step 0
      ratio: ‖F‖/‖x‖, median over blocks and samples; now, and at step 0
      ∂ first/last: gradient at the first block over that at the last, at step 0
      depth: parts of the whole, from where the stream comes in

      """
    #expect(ComparisonRenderer(width: 100).render(Sample.comparison) == golden)
  }
}
