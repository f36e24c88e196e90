import GRDB
import ProbeCore

/// Writes one batch's records inside its transaction and keeps count of what it passed over.
struct FrameWriter {
  private var context: JournalContext
  private let db: Database
  private var insert: StatementHandle
  private var rollups = RollupWriter()
  private var frames = 0
  private var rejections = Rejections()
  private var droppedFrames = 0
  private var unseen: ClosedRange<Int>?
  private var lastSeen = 0.0

  init(_ context: JournalContext, _ db: Database) throws {
    self.context = context
    self.db = db
    insert = try StatementHandle(db, Self.insertStatistics)
  }

  mutating func reject(_ reason: @autoclosure () -> String) { rejections.add(reason()) }

  mutating func reject(_ others: Rejections) { rejections.merge(others) }

  mutating func take(_ record: ProbeCore.Record) throws {
    switch record {
    case .runOpened(let opened):
      if let problem = try context.contradiction(of: opened, db) { reject(problem) }
      lastSeen = max(lastSeen, opened.startedAt)
    case .blockMap(let map):
      if try !context.take(map, db) { reject("a block map that is not the run's") }
    case .frame(let frame): try take(frame)
    case .metrics(let step, let metrics): try write(metrics, step: step)
    case .ablation(let examination, let ablation):
      take(try examinations.write(examination, ablation))
      lastSeen = max(lastSeen, ablation.wallTime)
    case .similarity(let examination, let similarities):
      take(try examinations.write(examination, similarities))
    case .reuse(let examination, let reuse): take(try examinations.write(examination, reuse))
    case .removalOrder(let examination, let order):
      take(try examinations.write(examination, order))
    case .attemptFinished(let finished): try take(finished)
    }
  }

  /// Notes offset, counts and rollups; call once, after the last record.
  mutating func finish(_ batch: JournalBatch) throws -> AppendOutcome {
    try rollups.write(context, db)
    try db.execute(
      sql: """
        INSERT INTO journal_segment (journal_id, segment, offset, damage) VALUES (?, ?, ?, ?)
        ON CONFLICT (journal_id, segment) DO UPDATE SET
          offset = excluded.offset, damage = excluded.damage
        """, arguments: [context.journalID, batch.segment, batch.to, batch.damage])
    if !rejections.isEmpty {
      try db.execute(
        sql: """
          UPDATE journal SET rejected_records = rejected_records + ?,
            unknown_records = unknown_records + ?,
            first_rejection = coalesce(first_rejection, ?) WHERE id = ?
          """,
        arguments: [
          rejections.count, rejections.unknownRecords, rejections.first, context.journalID,
        ])
    }
    if let unseen { try Unseen.note(unseen, inJournal: context.journalID, db) }
    if droppedFrames > 0 {
      try db.execute(
        sql:
          "UPDATE journal SET dropped_frames = min(dropped_frames + ?, 9007199254740992) WHERE id = ?",
        arguments: [droppedFrames, context.journalID])
    }
    try db.execute(
      sql: """
        UPDATE run SET last_seen_at = max(last_seen_at, ?), verdicts_due = 1 WHERE id = ?
        """,
      arguments: [lastSeen, context.runID])
    return AppendOutcome(
      runID: context.runID, offset: batch.to, frames: frames, rejections: rejections)
  }

  private var examinations: ExaminationWriter { ExaminationWriter(context: context, db: db) }

  /// Passes over a record that something is wrong with.
  private mutating func take(_ problem: String?) {
    if let problem { reject(problem) }
  }

  private mutating func take(_ frame: Frame) throws {
    if let problem = try problem(with: frame) {
      reject("step \(frame.step): \(problem)")
      return
    }
    try write(frame)
    for statistics in frame.blocks {
      insert.bind(context.runID)
      insert.bind(context.attemptID)
      insert.bind(context.rank)
      insert.bind(frame.step)
      insert.bind(context.blockIDs[statistics.ordinal])
      insert.bind(statistics)
      try insert.run()
      rollups.add(statistics, step: frame.step)
    }
    try write(frame.metrics, step: frame.step)
    frames += 1
    unseen = Unseen.hull(unseen, frame.step...frame.step)
    droppedFrames += frame.droppedFrames
    lastSeen = max(lastSeen, frame.wallTime)
  }

  private func problem(with frame: Frame) throws -> String? {
    switch context.map {
    case .awaited: return "a frame before its block map"
    case .contradicts: return "a frame of a block map that is not the run's"
    case .agreed: break
    }
    if let last = frame.blocks.last, last.ordinal >= context.blockIDs.count {
      return "block \(last.ordinal) of a map of \(context.blockIDs.count)"
    }
    var known = try StatementHandle(
      db, "SELECT 1 FROM frame WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step = ?")
    for value in [context.runID, context.attemptID, context.rank, frame.step] { known.bind(value) }
    return try known.onlyInt() == nil ? nil : "a second frame of the same step"
  }

  private func write(_ frame: Frame) throws {
    var insert = try StatementHandle(
      db,
      """
      INSERT INTO frame (run_id, attempt_id, rank, step, loss, loss_is_nan, learning_rate, loss_scale,
        skipped, wall_time, recorder_seconds, dropped_frames)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    for value in [context.runID, context.attemptID, context.rank, frame.step] { insert.bind(value) }
    insert.bind(frame.loss)
    insert.bind(frame.loss?.isNaN == true ? 1 : 0)
    insert.bind(frame.learningRate)
    insert.bind(frame.lossScale)
    insert.bind(frame.skipped ? 1 : 0)
    insert.bind(frame.wallTime)
    insert.bind(frame.recorderSeconds)
    insert.bind(frame.droppedFrames)
    try insert.run()
  }

  /// The value logged last for a step and key stands.
  private func write(_ metrics: [Metric], step: Int) throws {
    guard !metrics.isEmpty else { return }
    var insert = try StatementHandle(
      db,
      """
      INSERT INTO metric (run_id, attempt_id, rank, key, step, value) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value
      """)
    for metric in metrics {
      for value in [context.runID, context.attemptID, context.rank] { insert.bind(value) }
      insert.bind(metric.key)
      insert.bind(step)
      insert.bind(metric.value)
      try insert.run()
    }
  }

  private mutating func take(_ finished: AttemptFinished) throws {
    // One failed rank fails the attempt, whenever it is heard of.
    try db.execute(
      sql: """
        UPDATE attempt SET
          status = CASE WHEN status = 'failed' THEN 'failed' ELSE ? END,
          finished_at = max(coalesce(finished_at, 0), ?),
          last_step = max(coalesce(last_step, 0), ?)
        WHERE id = ?
        """,
      arguments: [
        finished.status.rawValue, finished.finishedAt, finished.lastStep, context.attemptID,
      ])
    // The recorder's own total also counts what it dropped after its last frame.
    try db.execute(
      sql:
        "UPDATE journal SET dropped_frames = max(dropped_frames, ?), finished_at = ? WHERE id = ?",
      arguments: [finished.droppedFrames - droppedFrames, finished.finishedAt, context.journalID])
    try AttemptOrder.renewStatus(run: context.runID, db)
    lastSeen = max(lastSeen, finished.finishedAt)
  }

  private static let insertStatistics: String = {
    let names = ["run_id", "attempt_id", "rank", "step", "block_id"] + StatisticsColumns.all.names
    let places = names.map { _ in "?" }.joined(separator: ", ")
    return "INSERT INTO block_statistics (\(names.joined(separator: ", "))) VALUES (\(places))"
  }()
}
