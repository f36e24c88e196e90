import GRDB
import ProbeCore

/// Reads how far each rank of an attempt came.
struct RankProgressReader {
  let run: Int
  let attempt: Int
  let db: Database

  /// The ranks that opened a journal, ascending.
  ///
  /// Complexity: linear in what the foremost rank measured after the others' last steps.
  func progress() throws -> [RankProgress] {
    let last = try Row.fetchAll(
      db,
      sql: """
        SELECT rank, (SELECT max(step) FROM frame AS f WHERE f.run_id = j.run_id
          AND f.attempt_id = j.attempt_id AND f.rank = j.rank)
        FROM journal AS j WHERE attempt_id = ? ORDER BY rank
        """, arguments: [attempt]
    ).map { row in (rank: row[0] as Int, step: row[1] as Int?) }
    guard let foremost = last.filter({ $0.step != nil }).max(by: { $0.step! < $1.step! }) else {
      return last.map { RankProgress(rank: $0.rank, lastStep: nil) }
    }
    return try last.map { rank, step in
      guard step != foremost.step else { return RankProgress(rank: rank, lastStep: step) }
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT count(*), max(wall_time) - min(wall_time) FROM frame
          WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step > ?
          """, arguments: [run, attempt, foremost.rank, step ?? -1])
      return RankProgress(
        rank: rank, lastStep: step, lacking: row?[0] ?? 0, lackingSeconds: row?[1] ?? 0)
    }
  }
}
