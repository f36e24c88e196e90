import GRDB
import ProbeCore

/// Reads the measured steps of a run in order, attempts and ranks merged as the view `run_step` does.
///
/// The view groups all columns of all frames in a sorter; going through attempts and ranks reads the
/// two columns or three that are wanted in the order of their key, at a third of the time.
struct StepReader {
  /// A measured step: what its ranks said, put together.
  struct Step {
    var step: Int
    /// The attempt that it belongs to.
    var attemptID: Int
    /// The greatest learning rate of the ranks.
    var learningRate: Double?
    /// The seconds that recording cost on the slowest rank.
    var recorderSeconds: Double
    /// The frames that the ranks dropped before this one.
    var droppedFrames: Int
    private var lossSum = 0.0
    private var losses = 0
    private var hasNaN = false

    /// The mean over the ranks that logged a loss; NaN where one logged that.
    var loss: Double? {
      if hasNaN { return .nan }
      return losses > 0 ? lossSum / Double(losses) : nil
    }

    /// The mean over the ranks that logged a loss other than NaN, as the view has it.
    var finiteLoss: Double? { losses > 0 ? lossSum / Double(losses) : nil }

    fileprivate init(attempt: Int, row statement: inout StatementHandle) {
      attemptID = attempt
      step = statement.nextInt()
      let loss = statement.nextDouble()
      if let loss { (lossSum, losses) = (loss, 1) }
      hasNaN = statement.nextInt() == 1
      learningRate = statement.nextDouble()
      recorderSeconds = statement.nextDouble() ?? 0
      droppedFrames = statement.nextCount()
    }

    fileprivate mutating func merge(_ other: Step) {
      lossSum += other.lossSum
      losses += other.losses
      hasNaN = hasNaN || other.hasNaN
      if let rate = other.learningRate { learningRate = max(learningRate ?? rate, rate) }
      recorderSeconds = max(recorderSeconds, other.recorderSeconds)
      droppedFrames += other.droppedFrames
    }
  }

  private let run: Int
  private let attempts: AttemptsInForce
  private let db: Database

  init(run: Int, attempts: AttemptsInForce, _ db: Database) {
    self.run = run
    self.attempts = attempts
    self.db = db
  }

  /// The measured steps in a range; with a limit at least so many of the first of them, if there are.
  func steps(
    in range: ClosedRange<Int> = 0...Int.max, limit: Int = .max
  ) throws -> [Step] {
    var steps: [Step] = []
    // No rank was read beyond the limit, so nothing is known of what comes after.
    var horizon = Int.max
    for (attempt, range) in attempts.within(range) {
      let begin = steps.count
      for rank in attempt.ranks {
        var statement = try StatementHandle(
          db,
          """
          SELECT step, loss, loss_is_nan, learning_rate, recorder_seconds, dropped_frames FROM frame
          WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
          ORDER BY step LIMIT ?
          """)
        for value in [run, attempt.id, rank, range.lowerBound, range.upperBound, limit] {
          statement.bind(value)
        }
        var found: [Step] = []
        while try statement.nextRow() {
          found.append(Step(attempt: attempt.id, row: &statement))
        }
        if found.count == limit, let last = found.last { horizon = min(horizon, last.step) }
        Self.merge(found, into: &steps, from: begin)
      }
    }
    if horizon < Int.max { steps.removeAll { $0.step > horizon } }
    return steps
  }

  /// Merges a rank's steps into those of the ranks before it, both in order.
  private static func merge(_ found: [Step], into steps: inout [Step], from begin: Int) {
    guard begin < steps.count else { return steps += found }
    var merged: [Step] = []
    merged.reserveCapacity(steps.count - begin)
    var rest = found[...]
    for var step in steps[begin...] {
      while let first = rest.first, first.step < step.step { merged.append(rest.removeFirst()) }
      if rest.first?.step == step.step { step.merge(rest.removeFirst()) }
      merged.append(step)
    }
    steps.replaceSubrange(begin..., with: merged + rest)
  }
}
