import GRDB
public import ProbeCore

extension Store {
  /// The measured steps of a run in order, attempts and ranks merged.
  public func steps(ofRun run: Int) throws(StoreError) -> [StepSummary] {
    try read("read the steps in") { db in
      var statement = try StatementHandle(
        db,
        """
        SELECT step, loss, learning_rate, loss_is_nan FROM run_step WHERE run_id = ? ORDER BY step
        """)
      statement.bind(run)
      var steps: [StepSummary] = []
      while try statement.nextRow() {
        var summary = StepSummary(
          step: statement.nextInt(), loss: statement.nextDouble(),
          learningRate: statement.nextDouble())
        if statement.nextInt() == 1 { summary.loss = .nan }
        steps.append(summary)
      }
      return steps
    }
  }
}
