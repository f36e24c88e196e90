import GRDB
import ProbeCore

/// How alike pairs of blocks are, as rows of `similarity`.
enum SimilarityRows {
  /// Writes pairs; of a pair that is there the first stands.
  static func insert(
    _ similarities: [Similarity], of examination: Int, _ blockIDs: [Int], _ db: Database
  ) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO similarity (examination_id, block_id, later_block_id, angular_distance_n,
          angular_distance_mean, angular_distance_m2, span_gap, span_gap_n, span_gap_log_n,
          span_gap_log_mean, span_gap_log_m2, cka, branch_cka)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (examination_id, block_id, later_block_id) DO NOTHING
        """)
    for similarity in similarities {
      let angle = similarity.angularDistance.n > 0 ? similarity.angularDistance : nil
      let logs = similarity.gapSamples > 0 ? similarity.gapLogs : nil
      try statement.execute(arguments: [
        examination, blockIDs[similarity.first], blockIDs[similarity.last],
        angle?.n, angle?.mean, angle?.m2,
        similarity.spanGap, logs.map { _ in similarity.gapSamples }, logs?.n, logs?.mean, logs?.m2,
        similarity.cka, similarity.branchCKA,
      ])
    }
  }

  /// All of an examination, by the earlier block and then the later one; without what was edited into
  /// nonsense.
  ///
  /// 2 ms for the 1,485 pairs of 54 blocks.
  static func fetch(examination: Int, _ db: Database) throws -> [Similarity] {
    var statement = try StatementHandle(
      db,
      """
      SELECT b.ordinal, l.ordinal, s.angular_distance_n, s.angular_distance_mean,
        s.angular_distance_m2, s.span_gap_n, s.span_gap_log_n, s.span_gap_log_mean,
        s.span_gap_log_m2, s.cka, s.branch_cka
      FROM similarity AS s
      CROSS JOIN block AS b ON b.id = s.block_id
      CROSS JOIN block AS l ON l.id = s.later_block_id
      WHERE s.examination_id = ? ORDER BY b.ordinal, l.ordinal
      """)
    statement.bind(examination)
    var similarities: [Similarity] = []
    while try statement.nextRow() {
      var similarity = Similarity(first: statement.nextInt(), last: statement.nextInt())
      let angle = nextMoments(&statement)
      similarity.gapSamples = statement.nextCount()
      let logs = nextMoments(&statement)
      similarity.cka = statement.nextDouble()
      similarity.branchCKA = statement.nextDouble()
      guard let angle, let logs, logs.n <= similarity.gapSamples,
        similarity.first <= similarity.last
      else { continue }
      similarity.angularDistance = angle
      similarity.gapLogs = logs
      similarities.append(similarity)
    }
    return similarities
  }

  private static func nextMoments(_ statement: inout StatementHandle) -> Moments? {
    let n = statement.nextCount()
    return Moments(n: n, mean: statement.nextDouble() ?? 0, m2: statement.nextDouble() ?? 0)
  }
}
