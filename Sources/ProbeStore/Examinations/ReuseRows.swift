import GRDB
import ProbeCore

/// What dense blocks read, as rows of `reuse`.
enum ReuseRows {
  /// Writes what a block reads; of a source that is there the first stands.
  static func insert(
    _ reuse: Reuse, of examination: Int, _ blockIDs: [Int], _ db: Database
  ) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO reuse (examination_id, block_id, source, maps, mean_weight)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (examination_id, block_id, source) DO NOTHING
        """)
    for source in reuse.sources {
      try statement.execute(arguments: [
        examination, blockIDs[reuse.reader], source.ordinal ?? stageInput, source.maps,
        source.meanWeight,
      ])
    }
  }

  /// All of an examination, in the order of the blocks that read.
  static func fetch(examination: Int, _ db: Database) throws -> [Reuse] {
    var all: [Reuse] = []
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT b.ordinal, r.source, r.maps, r.mean_weight
        FROM reuse AS r JOIN block AS b ON b.id = r.block_id
        WHERE r.examination_id = ? ORDER BY b.ordinal, r.source
        """, arguments: [examination])
    while let row = try rows.next() {
      let (reader, source) = (row[0] as Int, row[1] as Int)
      if all.last?.reader != reader { all.append(Reuse(reader: reader, sources: [])) }
      all[all.count - 1].sources.append(
        Reuse.Source(
          ordinal: source == stageInput ? nil : source, maps: row[2], meanWeight: row[3]))
    }
    return all
  }

  /// What stands for the input of the stage.
  private static let stageInput = -1
}
