import GRDB
import ProbeCore

/// Finds the last record of a block whose median gap was at or above a threshold, through the rollups:
/// from the longest spans down, so that the past costs its logarithm.
///
/// Raw rows are reached through the run's frames, by their whole key: a scan over steps would read all
/// blocks' rows once for each block.
struct CrossingReader {
  private let run: Int
  private let threshold: Double
  private let db: Database
  private let attempts: [AttemptsInForce.Attempt]

  init(run: Int, threshold: Double, attempts: AttemptsInForce, _ db: Database) {
    self.run = run
    self.threshold = threshold
    self.db = db
    self.attempts = attempts.attempts
  }

  /// When the block's median gap was last at or above the threshold, over the attempts in force.
  func last(ofBlock block: Int) throws -> LastCrossing {
    for attempt in attempts.reversed() {
      if let step = try last(block, attempt, attempt.steps, RollupSpan.lengths.count - 1) {
        return .last(step: step, next: try next(block, after: step))
      }
    }
    return .never
  }

  private func last(
    _ block: Int, _ attempt: AttemptsInForce.Attempt, _ range: Range<Int>, _ level: Int
  ) throws -> Int? {
    guard level >= 0 else { return try record(block, attempt, range) }
    let length = RollupSpan.lengths[level]
    var starts: Set<Int> = []
    for rank in attempt.ranks {
      var statement = try StatementHandle(
        db,
        """
        SELECT start FROM block_rollup
        WHERE run_id = ? AND attempt_id = ? AND rank = ? AND span = ? AND block_id = ?
          AND start BETWEEN ? AND ? AND identity_gap_max >= ?
        """)
      for value in [run, attempt.id, rank, length, block] { statement.bind(value) }
      statement.bind(range.lowerBound / length * length)
      statement.bind(range.upperBound - 1)
      statement.bind(threshold)
      while try statement.nextRow() { starts.insert(statement.nextInt()) }
    }
    for start in starts.sorted(by: >) {
      let span = range.clamped(to: start..<max(start, start &+ length))
      if !span.isEmpty, let step = try last(block, attempt, span, level - 1) { return step }
    }
    return nil
  }

  private func record(
    _ block: Int, _ attempt: AttemptsInForce.Attempt, _ range: Range<Int>
  ) throws -> Int? {
    try Int.fetchOne(
      db,
      sql: """
        SELECT s.step
        FROM frame AS f
        CROSS JOIN block_statistics AS s
          ON s.run_id = f.run_id AND s.attempt_id = f.attempt_id AND s.rank = f.rank
          AND s.step = f.step AND s.block_id = ?
        WHERE f.run_id = ? AND f.attempt_id = ?
          AND f.rank IN (SELECT rank FROM journal WHERE attempt_id = ?) AND f.step BETWEEN ? AND ?
        GROUP BY s.step
        HAVING sum(identity_gap_p50 * identity_gap_n) / total(identity_gap_n) >= ?
        ORDER BY s.step DESC LIMIT 1
        """,
      arguments: [
        block, run, attempt.id, attempt.id, range.lowerBound, range.upperBound - 1, threshold,
      ])
  }

  /// The first record after a step, over the ranks.
  private func next(_ block: Int, after step: Int) throws -> Int? {
    for attempt in attempts where attempt.steps.upperBound > step + 1 {
      let from = max(step + 1, attempt.steps.lowerBound)
      let found = try attempt.ranks.compactMap { rank in
        var statement = try StatementHandle(
          db,
          """
          SELECT min(step) FROM (
            SELECT s.step
            FROM frame AS f
            CROSS JOIN block_statistics AS s
              ON s.run_id = f.run_id AND s.attempt_id = f.attempt_id AND s.rank = f.rank
              AND s.step = f.step AND s.block_id = ?6
            WHERE f.run_id = ?1 AND f.attempt_id = ?2 AND f.rank = ?3 AND f.step BETWEEN ?4 AND ?5
              AND s.identity_gap_n > 0
            ORDER BY f.step LIMIT 1)
          """)
        for value in [run, attempt.id, rank, from, attempt.steps.upperBound - 1, block] {
          statement.bind(value)
        }
        return try statement.onlyInt()
      }
      if let first = found.min() { return first }
    }
    return nil
  }
}
