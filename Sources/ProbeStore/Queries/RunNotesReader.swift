import GRDB
public import ProbeCore

extension Store {
  /// What the user said of a run: its configuration, and what was logged last of each metric.
  ///
  /// Attempts are merged as in the view `metric_step`, ranks by their mean. Complexity: linear in what
  /// the run logged.
  public func notes(ofRun run: Int) throws(StoreError) -> RunNotes {
    try read("read the notes in") { db in
      let config = try Row.fetchAll(
        db,
        sql: """
          SELECT e.key, e.value FROM run AS r
          CROSS JOIN json_each(CASE WHEN json_valid(r.config) THEN r.config ELSE '{}' END) AS e
          WHERE r.id = ? AND e.type = 'text'
          """, arguments: [run])
      let metrics = try Row.fetchAll(
        db,
        sql: """
          WITH last AS (
            SELECT key, max(step) AS step FROM metric_step WHERE run_id = ? GROUP BY key)
          SELECT m.key, m.step, avg(m.value), count(*) - count(m.value)
          FROM metric_step AS m JOIN last ON last.key = m.key AND last.step = m.step
          WHERE m.run_id = ?
          GROUP BY m.key, m.step ORDER BY m.key
          """, arguments: [run, run])
      return RunNotes(
        config: Dictionary(
          config.map { ($0[0] as String, $0[1] as String) }, uniquingKeysWith: { first, _ in first }
        ),
        metrics: metrics.map { row in
          let value: Double? = row[2]
          let hasNaN = (row[3] as Int) > 0
          return FinalMetric(key: row[0], value: hasNaN ? .nan : value ?? .nan, step: row[1])
        })
    }
  }
}
