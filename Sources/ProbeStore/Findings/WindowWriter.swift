import GRDB
import ProbeCore

/// Cuts a run's measured steps into windows and keeps what each says of the blocks, with the changes
/// that follow.
///
/// A window is judged once it is complete: every rank of the newest attempt that sent frames has
/// passed it, or that attempt has ended. What comes for a window that was judged already, of a rank
/// that was unknown or from a segment that was late, or by a resume, takes the run back to before it.
/// So the rows follow from the frames in the store and not from the order they came in, and a rank
/// that lags behind does not make every window be judged again and again.
struct WindowWriter {
  /// The windows judged in one transaction: other writers wait for it.
  static let windowsAtOnce = 16

  let run: Int
  let blocks: [(id: Int, block: Block)]
  let attempts: AttemptsInForce
  let db: Database

  /// Forgets the windows that a step lies in or before, and the changes that were seen by them.
  func rewind(to step: Int) throws {
    try db.execute(
      sql: "DELETE FROM block_window WHERE run_id = ? AND last_step >= ?", arguments: [run, step])
    try db.execute(
      sql: "DELETE FROM finding WHERE run_id = ? AND kind = ? AND noticed_step >= ?",
      arguments: [run, NotedFinding.Kind.verdictChanged.rawValue, step])
  }

  /// Judges the next windows that are complete; false where there may be more.
  func advance(windowSteps: Int, judge: Store.WindowJudge) throws -> Bool {
    guard blocks.contains(where: \.block.canBeIdentity) else { return true }
    let last = try Int.fetchOne(
      db, sql: "SELECT max(last_step) FROM block_window WHERE run_id = ?", arguments: [run])
    let complete = try lastCompleteStep()
    guard complete >= 0, last ?? -1 < complete else { return true }
    let steps = try StepReader(run: run, attempts: attempts, db).steps(
      in: ((last ?? -1) + 1)...complete, limit: Self.windowsAtOnce * windowSteps)
    let count = min(steps.count / windowSteps, Self.windowsAtOnce)
    var links = try last.map { try self.links(endingAt: $0) } ?? [:]
    for number in 0..<count {
      let first = steps[number * windowSteps].step
      try write(first...steps[(number + 1) * windowSteps - 1].step, after: &links, judge)
    }
    return count < Self.windowsAtOnce
  }

  private func write(
    _ steps: ClosedRange<Int>, after links: inout [Int: BlockWindow], _ judge: Store.WindowJudge
  ) throws {
    let reader = RecordReader(run: run, blocks: blocks, attempts: attempts, db)
    let records = try reader.records(in: steps, WindowColumns.gapNames) { step, _, row in
      WindowColumns.readGap(step, from: &row)
    }
    for (place, row) in blocks.enumerated() where row.block.canBeIdentity {
      let before = links[row.id]
      let window = judge(before, row.block, steps, records[place])
      links[row.id] = window
      try insert(window, block: row.id)
      guard window.isIdentity != before?.isIdentity ?? false else { continue }
      let finding = FindingRow(
        kind: .verdictChanged, blockID: row.id, isIdentity: window.isIdentity,
        firstStep: window.streakStart, noticedStep: window.lastStep,
        noticedAt: try StepClock(run: run, attempts: attempts, db).end(of: window.lastStep))
      try finding.insert(run: run, db)
    }
  }

  private func insert(_ window: BlockWindow, block: Int) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO block_window (run_id, last_step, block_id, first_step, records, gap, upper,
          identity, streak, streak_start)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      run, window.lastStep, block, window.firstStep, window.records, window.gap,
      window.upper, window.isIdentity, window.streak, window.streakStart,
    ])
  }

  /// What was said of each block at the end of a window, by the block's row.
  private func links(endingAt step: Int) throws -> [Int: BlockWindow] {
    let ordinals = Dictionary(uniqueKeysWithValues: blocks.map { ($0.id, $0.block.ordinal) })
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT block_id, first_step, records, gap, upper, identity, streak, streak_start
        FROM block_window WHERE run_id = ? AND last_step = ?
        """, arguments: [run, step])
    var links: [Int: BlockWindow] = [:]
    for row in rows {
      let first: Int = row[1]
      guard let ordinal = ordinals[row[0]], first <= step else { continue }
      var link = BlockWindow(ordinal: ordinal, steps: first...step)
      link.records = row[2]
      link.gap = row[3]
      link.upper = row[4]
      link.isIdentity = row[5]
      link.streak = row[6]
      link.streakStart = row[7]
      links[row[0]] = link
    }
    return links
  }

  /// The last step up to which no rank still has something to send; below 0: none.
  private func lastCompleteStep() throws -> Int {
    guard let newest = attempts.attempts.last, newest.steps.upperBound == Int.max else {
      return Int.max
    }
    let status = try String.fetchOne(
      db, sql: "SELECT status FROM attempt WHERE id = ?", arguments: [newest.id])
    guard status == "running" else { return Int.max }
    let reached = try newest.ranks.compactMap { rank in
      try Int.fetchOne(
        db,
        sql: """
          SELECT max(step) FROM frame
          WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step >= ?
          """, arguments: [run, newest.id, rank, newest.steps.lowerBound])
    }
    return reached.min() ?? max(0, newest.steps.lowerBound) - 1
  }
}
