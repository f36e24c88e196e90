import GRDB

/// A run's attempts with the steps that each still speaks for, in step order: what a query over raw
/// rows goes through when it wants the effective history.
///
/// The steps of two attempts never overlap, and each row's place follows from (attempt, rank, step):
/// going through attempts and their ranks one by one reads the rows in the order of their key, where
/// a join over both would sort them first.
struct AttemptsInForce {
  /// An attempt with the steps that it is in force for; never none.
  struct Attempt {
    var id: Int
    /// The ranks that sent something, ascending.
    var ranks: [Int]
    var steps: Range<Int>
  }

  /// The attempts, their steps ascending.
  let attempts: [Attempt]

  init(run: Int, _ db: Database) throws {
    attempts = try Row.fetchAll(
      db,
      sql: """
        SELECT id, first_step, superseded_from FROM attempt
        WHERE run_id = ? AND first_step < coalesce(superseded_from, 9e15)
        ORDER BY first_step, number
        """, arguments: [run]
    ).map { row in
      Attempt(
        id: row[0],
        ranks: try Int.fetchAll(
          db, sql: "SELECT rank FROM journal WHERE attempt_id = ? ORDER BY rank",
          arguments: [row[0] as Int]),
        steps: (row[1] as Int)..<((row[2] as Int?) ?? Int.max))
    }
  }

  /// The attempts that are in force somewhere in a range, with that part of it.
  func within(_ range: ClosedRange<Int>) -> [(attempt: Attempt, steps: ClosedRange<Int>)] {
    attempts.compactMap { attempt in
      let first = max(range.lowerBound, attempt.steps.lowerBound)
      let last = min(range.upperBound, attempt.steps.upperBound - 1)
      return first <= last ? (attempt, first...last) : nil
    }
  }
}
