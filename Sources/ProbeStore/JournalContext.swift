import GRDB
import ProbeCore

/// Which (run, attempt, rank) a journal is, and the run's blocks: what every row of it needs.
struct JournalContext {
  /// Whether the journal's block map is the run's.
  enum MapState: String {
    case awaited
    case agreed
    case contradicts
  }

  let journalID: Int
  let runID: Int
  let attemptID: Int
  let rank: Int
  var map: MapState
  /// The blocks' rows by ordinal; empty until the run has a block map.
  var blockIDs: [Int]

  /// A journal that the store knows; nil otherwise.
  init?(_ journal: Identity, _ db: Database) throws {
    guard
      let row = try Row.fetchOne(
        db, sql: "SELECT id, run_id, attempt_id, rank, block_map FROM journal WHERE uuid = ?",
        arguments: [journal.description])
    else { return nil }
    journalID = row[0]
    runID = row[1]
    attemptID = row[2]
    rank = row[3]
    map = MapState(rawValue: row[4]) ?? .awaited
    blockIDs = try Int.fetchAll(
      db, sql: "SELECT id FROM block WHERE run_id = ? ORDER BY ordinal", arguments: [runID])
  }

  /// A journal's first appearance: makes its run, its attempt and itself known.
  init(opening opened: RunOpened, journal: Identity, _ db: Database) throws {
    let runID = try Self.run(opened, db)
    let attemptID = try Self.attempt(opened, run: runID, db)
    let holder = try String.fetchOne(
      db, sql: "SELECT uuid FROM journal WHERE attempt_id = ? AND rank = ?",
      arguments: [attemptID, opened.rank])
    if let holder {
      throw StoreError(
        .refused, action: "take in journal", subject: journal.description,
        reason:
          "it claims to be rank \(opened.rank) of an attempt that journal \(holder) already is",
        hint: "give every process of one start its own rank")
    }
    try db.execute(
      sql: "INSERT INTO journal (uuid, run_id, attempt_id, rank, host) VALUES (?, ?, ?, ?, ?)",
      arguments: [journal.description, runID, attemptID, opened.rank, opened.host])
    try self.init(journal, db)!
  }

  /// What keeps a later opening of the same journal from being the same; nil if nothing does.
  func contradiction(of opened: RunOpened, _ db: Database) throws -> String? {
    let row = try Row.fetchOne(
      db, sql: "SELECT r.uuid, a.uuid FROM run AS r, attempt AS a WHERE r.id = ? AND a.id = ?",
      arguments: [runID, attemptID])
    let isSame =
      row?[0] == opened.run.description && row?[1] == opened.attempt.description
      && rank == opened.rank
    return isSame ? nil : "an opening of another run, attempt or rank"
  }

  /// Compares the journal's block map with the run's, or makes it the run's; false if they differ.
  mutating func take(_ blocks: BlockMap, _ db: Database) throws -> Bool {
    if blockIDs.isEmpty { blockIDs = try BlockRows.insert(blocks, run: runID, db) }
    let agrees = try BlockRows.fetch(run: runID, db).map(\.block) == blocks.blocks
    if map != .contradicts { map = agrees ? .agreed : .contradicts }
    try db.execute(
      sql: "UPDATE journal SET block_map = ? WHERE id = ?", arguments: [map.rawValue, journalID])
    return agrees
  }

  private static func run(_ opened: RunOpened, _ db: Database) throws -> Int {
    let config = ConfigText.write(opened.config)
    try db.execute(
      sql: """
        INSERT INTO run (uuid, name, project, started_at, last_seen_at, planned_steps, recorder, config)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (uuid) DO UPDATE SET
          started_at = min(started_at, excluded.started_at),
          last_seen_at = max(last_seen_at, excluded.last_seen_at)
        """,
      arguments: [
        opened.run.description, opened.name, opened.project, opened.startedAt, opened.startedAt,
        opened.plannedSteps, opened.recorder, config,
      ])
    return try Int.fetchOne(
      db, sql: "SELECT id FROM run WHERE uuid = ?", arguments: [opened.run.description])!
  }

  private static func attempt(_ opened: RunOpened, run: Int, _ db: Database) throws -> Int {
    let known = try Int.fetchOne(
      db, sql: "SELECT id FROM attempt WHERE run_id = ? AND uuid = ?",
      arguments: [run, opened.attempt.description])
    if let known { return known }
    try db.execute(
      sql: """
        INSERT INTO attempt (run_id, uuid, number, started_at, first_step, world_size)
        VALUES (?, ?, 1, ?, ?, ?)
        """,
      arguments: [
        run, opened.attempt.description, opened.startedAt, opened.firstStep, opened.worldSize,
      ])
    let id = Int(db.lastInsertedRowID)
    try AttemptOrder.renew(run: run, db)
    return id
  }
}
