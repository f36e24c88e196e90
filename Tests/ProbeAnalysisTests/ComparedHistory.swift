import ProbeAnalysis
import ProbeCore

/// A run made by rule, for comparisons.
struct ComparedPlan {
  var id = 1
  var kind = Block.Kind.residual
  var stages = [4]
  var steps = Array(stride(from: 0, through: 500, by: 5))
  var planned: Int? = 501
  var status: AttemptFinished.Status? = .completed
  var loss: (Int) -> Double? = { 2.3 * 0.5 / (1 + Double($0)) + 0.01 }
  var rate: (Int) -> Double? = { _ in 0.1 }
  var gap: (Int) -> Double = { 0.4 / Double($0 + 1) }
  /// ‖g‖ of a block by ordinal at a step.
  var gradient: (_ ordinal: Int, _ step: Int) -> Double? = { _, _ in 1 }
  var shape = [32]
  /// The ordinals of projections, which are of the stage before theirs, as recorders count.
  var projections: Set<Int> = []
  /// The shape by stage, where it is not one for all.
  var shapes: [[Int]] = []
  var samples = 64
  var config: [String: String] = [:]
  var metrics: [FinalMetric] = []

  /// A level with a little noise about it, below a start of 2.3.
  static func settling(at level: Double, noise: Double = 0.1) -> (Int) -> Double? {
    { step in
      if step == 0 { return 2.3 }
      let waver = [0.3, -0.8, 1.0, -0.2, 0.6, -0.9][step / 5 % 6] * noise
      return level * (1 + waver) + (step < 100 ? 2 / Double(step) : 0)
    }
  }

  var history: History {
    var ordinal = -1
    let blocks = stages.enumerated().flatMap { stage, count in
      (0..<count).map { _ -> BlockHistory in
        ordinal += 1
        return block(ordinal, stage)
      }
    }
    var run = RunSummary(
      id: id, uuid: Identity(bytes: [UInt8](repeating: UInt8(id), count: 16))!, name: "run-\(id)")
    run.status = status
    run.plannedSteps = planned
    run.blocks = blocks.count
    run.frames = steps.count
    run.firstStep = steps.first
    run.lastStep = steps.last
    return History(
      run: run,
      steps: steps.map { StepSummary(step: $0, loss: loss($0), learningRate: rate($0)) },
      blocks: blocks)
  }

  private func block(_ ordinal: Int, _ stage: Int) -> BlockHistory {
    let isProjection = projections.contains(ordinal)
    let shortcut: Block.Shortcut =
      isProjection ? .projection : kind == .residual ? .identity : .none
    let stage = isProjection ? max(0, stage - 1) : stage
    func record(_ step: Int) -> BlockRecord {
      var record = ProbeAnalysisTests.record(step, gap: gap(ordinal), samples: samples)
      record.statistics.residualRatio = LogDistribution(
        n: samples, logs: Moments(), p50: gap(ordinal) * 1.25, p90: nil, p99: nil, max: nil)
      if let norm = gradient(ordinal, step) {
        record.statistics.outputGradNorm = Moments(n: samples, mean: norm, m2: 0) ?? Moments()
      }
      return record
    }
    let last = steps.last.map(record)
    return BlockHistory(
      block: Block(
        ordinal: ordinal, name: "blocks.\(ordinal)", kind: kind, shortcut: shortcut, stage: stage,
        shape: shapes.isEmpty ? shape : shapes[stage]),
      first: steps.first.map(record), latest: last,
      window: steps.suffix(25).map(record))
  }

  var run: ComparedRun {
    let history = self.history
    return ComparedRun(
      history, window: VerdictWindow(steps: history.steps, settings: VerdictSettings()),
      notes: RunNotes(config: config, metrics: metrics))
  }
}

extension ComparedPlan {
  /// A run of a family, a depth and a final loss.
  init(_ id: Int, _ kind: Block.Kind, _ depth: Int, loss: Double) {
    self.id = id
    self.kind = kind
    stages = [depth]
    self.loss = Self.settling(at: loss)
  }

  func with(_ change: (inout ComparedPlan) -> Void) -> ComparedPlan {
    var plan = self
    change(&plan)
    return plan
  }
}

/// The comparison of runs made by these plans.
func comparison(_ plans: [ComparedPlan], repeated: [Int] = []) -> Comparison {
  Comparison(plans.map(\.run), repeated: repeated)
}
