import GRDB
import ProbeCore

/// Reads the examination that speaks for a run, which the view `run_examination` names.
struct AblationReader {
  let run: Int
  let db: Database

  /// The examination with all that it measured; nil where there is none.
  func ablations() throws -> Ablations? {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT x.id, x.uuid, x.step, x.samples, x.planned, x.base_loss, x.base_error, x.confidence
        FROM run_examination AS e JOIN examination AS x ON x.id = e.examination_id
        WHERE e.run_id = ?
        """, arguments: [run])
    guard let row, let identity = Identity(row[1] as String) else { return nil }
    let id: Int = row[0]
    return Ablations(
      Examination(
        identity: identity, step: row[2], samples: row[3], planned: row[4], baseLoss: row[5],
        baseError: row[6], confidence: row[7]), try AblationRows.fetch(examination: id, db),
      orders: try RemovalOrderRows.fetch(examination: id, db),
      similarities: try SimilarityRows.fetch(examination: id, db),
      reuse: try ReuseRows.fetch(examination: id, db))
  }
}
