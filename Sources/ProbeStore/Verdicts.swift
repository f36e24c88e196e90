import GRDB
public import ProbeCore

extension Store {
  /// Writes what an analysis says of a run's blocks, in place of what was said before.
  ///
  /// `settings` is a JSON object. With the ``intakeMark(ofRun:)`` from before the run was read, the run
  /// stays due for another look if something came in between.
  public func write(
    _ verdicts: [BlockVerdict], ofRun run: Int, settings: String, asOf mark: Int? = nil
  ) throws(StoreError) {
    try write("write the verdicts to") { db in
      let ids = try Int.fetchAll(
        db, sql: "SELECT id FROM block WHERE run_id = ? ORDER BY ordinal", arguments: [run])
      if try mark == nil || mark == Self.intakeMark(ofRun: run, db) {
        try db.execute(sql: "UPDATE run SET verdicts_due = 0 WHERE id = ?", arguments: [run])
      }
      for verdict in verdicts where ids.indices.contains(verdict.ordinal) {
        try db.cachedStatement(
          sql: """
            INSERT OR REPLACE INTO verdict (block_id, run_id, verdict, origin, since_step, at_step,
              window_start, records, gap, lower, upper, confidence, share, missing, settings,
              constant_fraction, constant_lower, perpendicular_ratio, perpendicular_upper,
              loss_change, loss_change_lower, loss_change_upper, confirmation)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ).execute(arguments: [
          ids[verdict.ordinal], run, verdict.verdict.rawValue, verdict.origin?.rawValue,
          verdict.sinceStep, verdict.atStep, verdict.windowStart, verdict.records, verdict.gap,
          verdict.lower, verdict.upper, verdict.confidence, verdict.share,
          verdict.missing?.description, settings, verdict.constantFraction?.value,
          verdict.constantFraction?.bound, verdict.perpendicularRatio?.value,
          verdict.perpendicularRatio?.bound, verdict.lossChange?.value,
          verdict.lossChange?.lower, verdict.lossChange?.upper, verdict.confirmation?.rawValue,
        ])
      }
    }
  }

  /// A number that grows with everything that is taken in of a run: the bytes of its journals.
  public func intakeMark(ofRun run: Int) throws(StoreError) -> Int {
    try read("read the store") { try Self.intakeMark(ofRun: run, $0) }
  }

  private static func intakeMark(ofRun run: Int, _ db: Database) throws -> Int {
    let total = try Double.fetchOne(
      db,
      sql: """
        SELECT total(s.offset) FROM journal AS j JOIN journal_segment AS s ON s.journal_id = j.id
        WHERE j.run_id = ?
        """, arguments: [run])
    return Int(clamping: total ?? 0)
  }

  /// The runs of which something came that no verdict has seen, as an intake leaves them that was killed.
  public func runsWithVerdictsDue() throws(StoreError) -> Set<Int> {
    try read("look for verdicts due in") {
      try Int.fetchSet($0, sql: "SELECT id FROM run WHERE verdicts_due = 1")
    }
  }
}
