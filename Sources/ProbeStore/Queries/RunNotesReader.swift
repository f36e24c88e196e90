import GRDB
public import ProbeCore

extension Store {
  /// What the user said of a run: its configuration, and each metric over the steps from `step` on, or
  /// at its last step where it was not logged after that.
  ///
  /// Attempts are merged as in the view `metric_step`, ranks by their mean. Complexity: linear in what
  /// the run logged.
  public func notes(ofRun run: Int, metricsFrom step: Int) throws(StoreError) -> RunNotes {
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
          WITH logged AS (
            SELECT key, step, avg(value) AS value, count(*) - count(value) AS nans
            FROM metric_step WHERE run_id = ? GROUP BY key, step),
          last AS (SELECT key, max(step) AS step FROM logged GROUP BY key)
          SELECT l.key, last.step, count(*), avg(l.value), sum(l.nans)
          FROM logged AS l JOIN last ON last.key = l.key
          WHERE l.step >= min(?, last.step)
          GROUP BY l.key ORDER BY l.key
          """, arguments: [run, step])
      return RunNotes(
        config: Dictionary(
          config.map { ($0[0] as String, $0[1] as String) }, uniquingKeysWith: { first, _ in first }
        ),
        metrics: metrics.map { row in
          let value: Double? = row[3]
          let hasNaN = (row[4] as Int) > 0
          return FinalMetric(
            key: row[0], value: hasNaN ? .nan : value ?? .nan, step: row[1], records: row[2])
        })
    }
  }
}
