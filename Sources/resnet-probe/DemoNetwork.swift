import DigitsTrainer
import Glibc
import ProbeCore
import ProbeRecorder
import ProbeReport

/// One of the demo's networks.
struct DemoNetwork {
  /// What training it came to.
  struct Outcome {
    let run: Identity
    let name: String
    let training: Evaluation
  }

  let name: String
  let shape: NetworkShape

  static let all = [
    DemoNetwork(name: "plain-2", shape: NetworkShape(blocks: 2, connection: .plain)),
    DemoNetwork(name: "plain-8", shape: NetworkShape(blocks: 8, connection: .plain)),
    DemoNetwork(name: "residual-2", shape: NetworkShape(blocks: 2)),
    DemoNetwork(name: "residual-8", shape: NetworkShape(blocks: 8)),
    DemoNetwork(name: "residual-16", shape: NetworkShape(blocks: 16)),
    DemoNetwork(name: "residual-16-held", shape: NetworkShape(blocks: 16, held: [3, 7, 11])),
  ]

  /// Trains it with a recorder attached, every fifth step measured.
  func train(on digits: DigitsSplit, spool: Spool) throws -> Outcome {
    let plan = TrainingPlan()
    let steps = plan.schedule(samples: digits.training.count).steps
    let recorder = try Recorder(
      opening: RunDescription(
        name: name, project: "demo", id: .random(), plannedSteps: steps,
        config: [
          "blocks": "\(shape.blockCount)", "connection": shape.connection.rawValue,
          "held": shape.held.sorted().map(String.init).joined(separator: ","),
          "learning_rate": "\(plan.learningRate)", "epochs": "\(plan.epochs)",
        ],
        framework: "swift DigitsTrainer"),
      blocks: shape.blockMap, schedule: .every(5), spool: spool)
    var bar = ProgressBar(title: name, steps: steps)
    let network = Network<Float>(shape, seed: 1, largestBatch: plan.batchSize)
    let result = DigitsTrainer.train(
      network, on: digits, plan: plan, observer: .recording(into: recorder),
      progress: { step, _, loss in
        bar.show(step, note: "loss \(Number.format(loss, significant: 2))")
      })
    recorder.log("training_loss", result.training.loss)
    recorder.log("training_accuracy", result.training.accuracy)
    recorder.log("test_loss", result.test.loss)
    recorder.log("test_accuracy", result.test.accuracy)
    // On samples that training never saw.
    network.examine(on: digits.test, step: result.steps) { recorder.record($1, of: $0) }
    recorder.finish(.completed)
    bar.finish(note: "loss \(Number.format(result.training.loss, significant: 2))")
    return Outcome(run: recorder.run, name: name, training: result.training)
  }
}

/// A bar on standard error: redrawn in place on a terminal, one line at the end elsewhere.
struct ProgressBar {
  private let title: String
  private let steps: Int
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var shown = -1

  init(title: String, steps: Int) {
    self.title = title
    self.steps = steps
  }

  /// Shows that `step` of the steps are done; draws at most once a percent.
  mutating func show(_ step: Int, note: String) {
    let percent = step * 100 / max(1, steps)
    guard isTerminal, percent != shown else { return }
    shown = percent
    let filled = percent * 24 / 100
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 24 - filled)
    Output.progress("\r\u{1b}[K\(padded) \(bar) \(step)/\(steps)  \(note)")
  }

  /// Ends the line.
  mutating func finish(note: String) {
    let start = isTerminal ? "\r\u{1b}[K" : ""
    Output.progress("\(start)\(padded) \(steps) steps  \(note)\n")
  }

  private var padded: String {
    title + String(repeating: " ", count: max(0, 18 - title.count))
  }
}
