internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport

/// Comparisons made by rule, so that renderings can be compared letter by letter.
extension Sample {
  /// A run of `depth` blocks that settles at a loss.
  static func compared(
    _ id: Int, _ name: String, _ kind: Block.Kind, depth: Int, loss: Double, start: Double = 1,
    configure: (inout History) -> Void = { _ in }, notes: RunNotes = RunNotes()
  ) -> ComparedRun {
    let plans = (0..<depth).map { ordinal in
      let gap = kind == .plain ? 1.25 : 1 / Double(ordinal + 1)
      return Plan(name: "blocks.\(ordinal)", from: gap, to: gap / 2, verdict: .active)
    }
    var run = run
    (run.id, run.name) = (id, name)
    var history = history(plans, run: run)
    let shortcut: Block.Shortcut = kind == .residual ? .identity : .none
    for place in history.blocks.indices {
      history.blocks[place].block.kind = kind
      history.blocks[place].block.shortcut = shortcut
      history.blocks[place].block.stage = 0
      let first = place == 0 ? start : 1
      history.blocks[place].first?.statistics.outputGradNorm = Moments(n: 8, mean: first, m2: 1)!
    }
    for place in history.steps.indices {
      let waver = [0.02, -0.05, 0.04, -0.01][place % 4]
      let step = Double(history.steps[place].step)
      history.steps[place].loss = place == 0 ? 2.3 : loss * (1 + waver) + 1 / (1 + step * step)
    }
    configure(&history)
    return ComparedRun(
      history, window: VerdictWindow(steps: history.steps, settings: VerdictSettings()),
      notes: notes)
  }

  /// Plain and residual networks of two depths, one of which explodes at a third.
  static var comparison: Comparison {
    func tested(_ accuracy: Double) -> RunNotes {
      RunNotes(metrics: [FinalMetric(key: "test_accuracy", value: accuracy, step: 2000)])
    }
    return Comparison([
      compared(1, "plain-2", .plain, depth: 2, loss: 0.003, notes: tested(0.984)),
      compared(2, "plain-8", .plain, depth: 8, loss: 0.077, notes: tested(0.966)),
      compared(3, "residual-2", .residual, depth: 2, loss: 0.0017, notes: tested(0.994)),
      compared(4, "residual-8", .residual, depth: 8, loss: 0.004, notes: tested(0.99)),
      compared(5, "plain-27", .plain, depth: 27, loss: 0.9, start: 18_000, notes: tested(0.66)),
    ])
  }
}
