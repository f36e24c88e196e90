import GRDB

/// When measured steps ended: the time of the slowest rank, in the attempt in force.
struct StepClock {
  private let run: Int
  private let attempts: AttemptsInForce
  private let db: Database

  init(run: Int, attempts: AttemptsInForce, _ db: Database) {
    self.run = run
    self.attempts = attempts
    self.db = db
  }

  /// Seconds since 1970; nil for a step that was not measured.
  func end(of step: Int) throws -> Double? {
    guard let attempt = attempts.within(step...step).first?.attempt else { return nil }
    let frame = try db.cachedStatement(
      sql: """
        SELECT wall_time FROM frame
        WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step = ?
        """)
    return try attempt.ranks.compactMap { rank in
      try Double.fetchOne(frame, arguments: [run, attempt.id, rank, step])
    }.max()
  }
}
