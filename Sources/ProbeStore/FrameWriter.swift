import GRDB
import ProbeCore

/// Writes one batch's records inside its transaction and keeps count of what it passed over.
struct FrameWriter {
  private var context: JournalContext
  private let db: Database
  private var rollups = RollupWriter()
  private var frames = 0
  private var rejections = Rejections()
  private var droppedFrames = 0
  private var lastSeen = 0.0

  init(_ context: JournalContext, _ db: Database) throws {
    self.context = context
    self.db = db
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
            first_rejection = coalesce(first_rejection, ?) WHERE id = ?
          """, arguments: [rejections.count, rejections.first, context.journalID])
    }
    if droppedFrames > 0 {
      try db.execute(
        sql:
          "UPDATE journal SET dropped_frames = min(dropped_frames + ?, 9007199254740992) WHERE id = ?",
        arguments: [droppedFrames, context.journalID])
    }
    try db.execute(
      sql: """
        UPDATE run SET last_seen_at = max(last_seen_at, ?), verdicts_due = max(verdicts_due, ?)
        WHERE id = ?
        """,
      arguments: [lastSeen, frames > 0, context.runID])
    return AppendOutcome(
      runID: context.runID, offset: batch.to, frames: frames, rejections: rejections)
  }

  private mutating func take(_ frame: Frame) throws {
    if let problem = try problem(with: frame) {
      reject("step \(frame.step): \(problem)")
      return
    }
    try write(frame)
    let columns = StatisticsColumns.all
    var insert = try StatementHandle(db, Self.insertStatistics)
    for statistics in frame.blocks {
      insert.bind(context.runID)
      insert.bind(context.attemptID)
      insert.bind(context.rank)
      insert.bind(frame.step)
      insert.bind(context.blockIDs[statistics.ordinal])
      columns.bind(statistics, to: &insert)
      try insert.run()
      rollups.add(statistics, step: frame.step)
    }
    try write(frame.metrics, step: frame.step)
    frames += 1
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
    let isKnown = try Bool.fetchOne(
      db,
      sql: """
        SELECT EXISTS (SELECT 1 FROM frame
          WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step = ?)
        """, arguments: [context.runID, context.attemptID, context.rank, frame.step])
    return isKnown == true ? "a second frame of the same step" : nil
  }

  private func write(_ frame: Frame) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO frame (run_id, attempt_id, rank, step, loss, loss_is_nan, learning_rate, loss_scale,
          skipped, wall_time, recorder_seconds, dropped_frames)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      context.runID, context.attemptID, context.rank, frame.step, frame.loss,
      frame.loss?.isNaN == true, frame.learningRate, frame.lossScale, frame.skipped, frame.wallTime,
      frame.recorderSeconds, frame.droppedFrames,
    ])
  }

  /// The value logged last for a step and key stands.
  private func write(_ metrics: [Metric], step: Int) throws {
    for metric in metrics {
      try db.cachedStatement(
        sql: """
          INSERT INTO metric (run_id, attempt_id, rank, key, step, value) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET value = excluded.value
          """
      ).execute(arguments: [
        context.runID, context.attemptID, context.rank, metric.key, step, metric.value,
      ])
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
      sql: "UPDATE journal SET dropped_frames = max(dropped_frames, ?) WHERE id = ?",
      arguments: [finished.droppedFrames - droppedFrames, context.journalID])
    try AttemptOrder.renewStatus(run: context.runID, db)
    lastSeen = max(lastSeen, finished.finishedAt)
  }

  private static let insertStatistics: String = {
    let names = ["run_id", "attempt_id", "rank", "step", "block_id"] + StatisticsColumns.all.names
    let places = names.map { _ in "?" }.joined(separator: ", ")
    return "INSERT INTO block_statistics (\(names.joined(separator: ", "))) VALUES (\(places))"
  }()
}
