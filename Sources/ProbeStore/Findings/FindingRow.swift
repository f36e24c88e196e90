import GRDB
import ProbeCore

/// A row of `finding`.
struct FindingRow: Hashable {
  var kind: NotedFinding.Kind
  var blockID: Int?
  var isIdentity: Bool?
  var firstStep: Int?
  var noticedStep: Int?
  var noticedAt: Double?
  var count: Int?

  /// Adds the row to a run's.
  func insert(run: Int, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO finding (run_id, kind, block_id, identity, first_step, noticed_step, noticed_at,
          count)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      run, kind.rawValue, blockID, isIdentity, firstStep, noticedStep, noticedAt, count,
    ])
  }

  /// Puts what may change of a row in place of what it says.
  func update(id: Int, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        UPDATE finding SET first_step = ?, noticed_step = ?, noticed_at = ?, count = ? WHERE id = ?
        """
    ).execute(arguments: [firstStep, noticedStep, noticedAt, count, id])
  }

  /// A run's rows other than changed verdicts, each with its id.
  static func states(ofRun run: Int, _ db: Database) throws -> [(id: Int, row: FindingRow)] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT id, kind, block_id, first_step, noticed_step, noticed_at, count FROM finding
        WHERE run_id = ? AND kind <> ?
        """, arguments: [run, NotedFinding.Kind.verdictChanged.rawValue]
    ).compactMap { row in
      guard let kind = NotedFinding.Kind(rawValue: row[1]) else { return nil }
      return (
        row[0],
        FindingRow(
          kind: kind, blockID: row[2], firstStep: row[3], noticedStep: row[4], noticedAt: row[5],
          count: row[6])
      )
    }
  }
}
