import GRDB
public import ProbeCore

extension Store {
  /// Writes what an analysis says of a run's blocks, in place of what was said before.
  ///
  /// `settings` is a JSON object.
  public func write(_ verdicts: [BlockVerdict], ofRun run: Int, settings: String) throws(StoreError)
  {
    try write("write the verdicts to") { db in
      let ids = try Int.fetchAll(
        db, sql: "SELECT id FROM block WHERE run_id = ? ORDER BY ordinal", arguments: [run])
      try db.execute(sql: "UPDATE run SET verdicts_due = 0 WHERE id = ?", arguments: [run])
      for verdict in verdicts where ids.indices.contains(verdict.ordinal) {
        try db.cachedStatement(
          sql: """
            INSERT OR REPLACE INTO verdict (block_id, run_id, verdict, origin, since_step, at_step,
              window_start, records, gap, lower, upper, confidence, share, missing, settings)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ).execute(arguments: [
          ids[verdict.ordinal], run, verdict.verdict.rawValue, verdict.origin?.rawValue,
          verdict.sinceStep, verdict.atStep, verdict.windowStart, verdict.records, verdict.gap,
          verdict.lower, verdict.upper, verdict.confidence, verdict.share,
          verdict.missing?.description, settings,
        ])
      }
    }
  }

  /// The runs that have frames which no verdict has seen, as an intake leaves them that was killed.
  public func runsWithVerdictsDue() throws(StoreError) -> Set<Int> {
    try read("look for verdicts due in") {
      try Int.fetchSet($0, sql: "SELECT id FROM run WHERE verdicts_due = 1")
    }
  }
}
