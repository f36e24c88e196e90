import GRDB

/// Which attempt is in force from which step on: by start time, the newest wins from its first step.
enum AttemptOrder {
  /// Numbers a run's attempts anew and states where each is superseded; journals may arrive in any order.
  static func renew(run: Int, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE attempt SET
          number = 1 + (
            SELECT count(*) FROM attempt AS e
            WHERE e.run_id = attempt.run_id
              AND (e.started_at, e.uuid) < (attempt.started_at, attempt.uuid)),
          superseded_from = (
            SELECT min(e.first_step) FROM attempt AS e
            WHERE e.run_id = attempt.run_id
              AND (e.started_at, e.uuid) > (attempt.started_at, attempt.uuid))
        WHERE run_id = ?
        """, arguments: [run])
    try renewStatus(run: run, db)
  }

  /// A run's status is its newest attempt's.
  static func renewStatus(run: Int, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE run SET status = (
          SELECT status FROM attempt WHERE run_id = run.id ORDER BY number DESC LIMIT 1)
        WHERE id = ?
        """, arguments: [run])
  }
}
