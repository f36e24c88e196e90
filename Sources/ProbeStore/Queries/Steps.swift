import GRDB
public import ProbeCore

extension Store {
  /// The measured steps of a run in order, attempts and ranks merged; all, or those in a range.
  public func steps(
    ofRun run: Int, in range: ClosedRange<Int> = 0...Int.max
  ) throws(StoreError) -> [StepSummary] {
    try read("read the steps in") { db in
      let attempts = try AttemptsInForce(run: run, db)
      return try StepReader(run: run, attempts: attempts, db).steps(in: range).map { step in
        StepSummary(step: step.step, loss: step.loss, learningRate: step.learningRate)
      }
    }
  }
}
