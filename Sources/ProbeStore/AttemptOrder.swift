import GRDB

/// Which attempt is in force from which step on: by start time, the newest wins from its first step.
enum AttemptOrder {
  /// Numbers a run's attempts anew and states where each is superseded; journals may arrive in any order.
  static func renew(run: Int, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE attempt SET number = o.number, superseded_from = o.superseded_from
        FROM (
          SELECT
            id,
            row_number() OVER (ORDER BY started_at, uuid) AS number,
            min(first_step) OVER (
              ORDER BY started_at DESC, uuid DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS superseded_from
          FROM attempt WHERE run_id = ?) AS o
        WHERE attempt.id = o.id
          AND (attempt.number, attempt.superseded_from) IS NOT (o.number, o.superseded_from)
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
