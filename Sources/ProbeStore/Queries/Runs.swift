import GRDB
public import ProbeCore

extension Store {
  /// All runs, the newest first.
  ///
  /// Complexity: linear in the frames of all runs.
  public func runs() throws(StoreError) -> [RunSummary] {
    try read("list the runs of") { db in
      try Row.fetchAll(db, sql: "\(Self.summary) ORDER BY r.started_at DESC, r.id DESC")
        .map { try Self.summary($0, db) }
    }
  }

  /// One run by its number; nil where there is none.
  public func run(_ id: Int) throws(StoreError) -> RunSummary? {
    try read("read the run in") { db in
      try Row.fetchOne(db, sql: "\(Self.summary) WHERE r.id = ?", arguments: [id])
        .map { try Self.summary($0, db) }
    }
  }

  private static let summary = """
    SELECT r.id, r.uuid, r.name, r.project, r.status, r.started_at, r.last_seen_at,
      r.planned_steps, r.recorder,
      (SELECT count(*) FROM attempt WHERE run_id = r.id),
      (SELECT count(*) FROM block WHERE run_id = r.id),
      (SELECT total(dropped_frames) FROM journal WHERE run_id = r.id),
      (SELECT total(rejected_records) FROM journal WHERE run_id = r.id),
      (SELECT count(*) FROM verdict WHERE run_id = r.id
        AND verdict IN ('strict_identity', 'near_identity')),
      (SELECT count(*) FROM journal AS j JOIN journal_segment AS s ON s.journal_id = j.id
        WHERE j.run_id = r.id AND s.damage IS NOT NULL)
    FROM run AS r
    """

  private static func summary(_ row: Row, _ db: Database) throws -> RunSummary {
    let id: Int = row[0]
    let steps = try StepReader(run: id, attempts: AttemptsInForce(run: id, db), db).steps()
    let newest = try Row.fetchOne(
      db,
      sql: "SELECT id, world_size FROM attempt WHERE run_id = ? ORDER BY number DESC LIMIT 1",
      arguments: [id])
    let progress = try (newest?[0] as Int?).map {
      try RankProgressReader(run: id, attempt: $0, db: db).progress()
    }
    let dropped: Double = row[11]
    let rejected: Double = row[12]
    return RunSummary(
      id: id, uuid: try identity(row[1]), name: row[2], project: row[3],
      status: AttemptFinished.Status(rawValue: row[4]), startedAt: row[5], lastSeenAt: row[6],
      attempts: row[9], worldSize: newest?[1] ?? 1, ranks: progress?.map(\.rank) ?? [],
      progress: progress ?? [], plannedSteps: row[7],
      blocks: row[10], frames: steps.count, firstStep: steps.first?.step,
      lastStep: steps.last?.step, loss: steps.last { $0.finiteLoss != nil }?.finiteLoss,
      droppedFrames: Int(clamping: dropped), rejectedRecords: Int(clamping: rejected),
      recorderSeconds: steps.reduce(0) { $0 + $1.recorderSeconds }, recorder: row[8],
      identityBlocks: row[13], damagedSegments: row[14])
  }

  private static func identity(_ text: String) throws -> Identity {
    guard let identity = Identity(text) else {
      throw StoreError(
        .failed, action: "read the run in", subject: "", reason: "its uuid is not one")
    }
    return identity
  }
}

extension Int {
  /// A count that SQL gave as `total()`: never below zero, never more than a Double holds exactly.
  init(clamping value: Double) {
    self = value.isNaN ? 0 : Int(Swift.max(0, Swift.min(value, 0x1p53)))
  }
}
