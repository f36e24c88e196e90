import GRDB
import ProbeCore

/// Keeps the findings that are at most one row a block: values that are not finite, silent blocks,
/// dropped frames, a newer recorder.
///
/// Reads the rows that are new and what it said before, and the past only where a new attempt took
/// over or a block is sought that may be silent.
struct StateWriter {
  private struct Key: Hashable {
    var kind: NotedFinding.Kind
    var blockID: Int?
  }

  /// The measured steps before a block without a record is called silent, unless the run has ended.
  static let stepsBeforeSilence = 20

  let run: Int
  let blocks: [(id: Int, block: Block)]
  let attempts: AttemptsInForce
  let unseen: Unseen
  let db: Database

  /// Writes what holds now, and nothing where it is what was said before.
  func write() throws {
    let rows = try FindingRow.states(ofRun: run, db)
    let known = Dictionary(
      rows.map { (Key(kind: $0.row.kind, blockID: $0.row.blockID), $0) }, uniquingKeysWith: { $1 })
    let found = try scan()
    var wanted = try nonFinite(found, known)
    wanted += try silent(found, known)
    wanted += try counts(known)
    var rest = known
    for row in wanted {
      let before = rest.removeValue(forKey: Key(kind: row.kind, blockID: row.blockID))
      if let before {
        if before.row != row { try row.update(id: before.id, db) }
      } else {
        try row.insert(run: run, db)
      }
    }
    for gone in rest.values {
      try db.execute(sql: "DELETE FROM finding WHERE id = ?", arguments: [gone.id])
    }
  }

  /// The blocks that new rows speak of, each with the first of its steps that is not finite.
  private func scan() throws -> [Int: Int?] {
    var found: [Int: Int?] = [:]
    for stretch in unseen.stretches {
      var statement = try StatementHandle(
        db,
        """
        SELECT block_id, coalesce(min(CASE WHEN non_finite > 0 THEN step END), -1)
        FROM block_statistics
        WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
        GROUP BY block_id
        """)
      bind(stretch, to: &statement)
      while try statement.nextRow() {
        let block = statement.nextInt()
        let step = statement.nextInt()
        found[block] = .some(least(found[block] ?? nil, step < 0 ? nil : step))
      }
    }
    return found
  }

  private func nonFinite(
    _ found: [Int: Int?], _ known: [Key: (id: Int, row: FindingRow)]
  ) throws -> [FindingRow] {
    let clock = StepClock(run: run, attempts: attempts, db)
    var times: [Int: Double?] = [:]
    return try blocks.compactMap { block in
      let before = known[Key(kind: .nonFiniteSamples, blockID: block.id)]?.row
      guard let step = least(stillIn(before), found[block.id] ?? nil) else { return nil }
      if before?.firstStep == step, unseen.changed?.contains(step) != true { return before }
      let time = try times[step] ?? clock.end(of: step)
      times[step] = .some(time)
      return FindingRow(
        kind: .nonFiniteSamples, blockID: block.id, firstStep: step, noticedStep: step,
        noticedAt: time)
    }
  }

  private func counts(_ known: [Key: (id: Int, row: FindingRow)]) throws -> [FindingRow] {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT total(dropped_frames), total(unknown_records) FROM journal WHERE run_id = ?
        """, arguments: [run])
    var rows: [FindingRow] = []
    if let dropped = row.map({ Int(clamping: $0[0] as Double) }), dropped > 0 {
      let before = known[Key(kind: .droppedFrames, blockID: nil)]?.row
      let step = least(stillIn(before), try firstDrop())
      rows.append(
        FindingRow(
          kind: .droppedFrames, firstStep: step, noticedStep: step,
          noticedAt: try step.flatMap {
            try StepClock(run: run, attempts: attempts, db).end(of: $0)
          }, count: dropped))
    }
    if let unknown = row.map({ Int(clamping: $0[1] as Double) }), unknown > 0 {
      rows.append(FindingRow(kind: .newerRecorder, count: unknown))
    }
    return rows
  }

  private func firstDrop() throws -> Int? {
    var first: Int?
    for stretch in unseen.stretches {
      var statement = try StatementHandle(
        db,
        """
        SELECT min(step) FROM frame
        WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
          AND dropped_frames > 0
        """)
      bind(stretch, to: &statement)
      first = least(first, try statement.onlyInt())
    }
    return first
  }

  /// A block is silent where it has no record at all, once that says something.
  private func silent(
    _ found: [Int: Int?], _ known: [Key: (id: Int, row: FindingRow)]
  ) throws -> [FindingRow] {
    let candidates = blocks.filter { found[$0.id] == nil }
    guard !candidates.isEmpty, try maySpeakOfSilence() else { return [] }
    return try candidates.compactMap { block in
      let key = Key(kind: .silentBlocks, blockID: block.id)
      // Where no attempt took over, a block that was silent and is not in the new rows still is.
      let isSilent =
        try (known[key] != nil && unseen.takeover == nil) || !hasRecord(block: block.id)
      return isSilent ? FindingRow(kind: .silentBlocks, blockID: block.id) : nil
    }
  }

  private func maySpeakOfSilence() throws -> Bool {
    var steps: Set<Int> = []
    for attempt in attempts.attempts {
      for rank in attempt.ranks where steps.count < Self.stepsBeforeSilence {
        let found = try Int.fetchAll(
          db,
          sql: """
            SELECT step FROM frame
            WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
            ORDER BY step LIMIT ?
            """,
          arguments: [
            run, attempt.id, rank, attempt.steps.lowerBound, attempt.steps.upperBound - 1,
            Self.stepsBeforeSilence,
          ])
        steps.formUnion(found)
      }
    }
    if steps.count >= Self.stepsBeforeSilence { return true }
    let status = try String.fetchOne(
      db, sql: "SELECT status FROM run WHERE id = ?", arguments: [run])
    return !steps.isEmpty && status != "running"
  }

  private func hasRecord(block: Int) throws -> Bool {
    for attempt in attempts.attempts {
      for rank in attempt.ranks {
        var statement = try StatementHandle(
          db,
          """
          SELECT EXISTS (
            SELECT 1 FROM frame AS f
            CROSS JOIN block_statistics AS s
              ON s.run_id = f.run_id AND s.attempt_id = f.attempt_id AND s.rank = f.rank
              AND s.step = f.step AND s.block_id = ?6
            WHERE f.run_id = ?1 AND f.attempt_id = ?2 AND f.rank = ?3 AND f.step BETWEEN ?4 AND ?5)
          """)
        for value in [
          run, attempt.id, rank, attempt.steps.lowerBound, attempt.steps.upperBound - 1, block,
        ] {
          statement.bind(value)
        }
        if try statement.onlyInt() == 1 { return true }
      }
    }
    return false
  }

  private func bind(_ stretch: Unseen.Stretch, to statement: inout StatementHandle) {
    for value in [
      run, stretch.attemptID, stretch.rank, stretch.steps.lowerBound, stretch.steps.upperBound,
    ] {
      statement.bind(value)
    }
  }

  /// The first step that was found before, unless a new attempt may have taken it out of force.
  private func stillIn(_ row: FindingRow?) -> Int? {
    guard let step = row?.firstStep, step < unseen.takeover ?? Int.max else { return nil }
    return step
  }

  private func least(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }
}
