import GRDB

/// What of a run its findings have not seen: frames that came, attempts that took over.
///
/// An intake notes it with the rows, in one transaction; whoever keeps the findings clears it with
/// theirs. A process that is killed between the two leaves it to the next.
struct Unseen {
  /// Steps of one rank in the attempt that speaks for them.
  struct Stretch {
    var attemptID: Int
    var rank: Int
    var steps: ClosedRange<Int>
  }

  /// Where new rows may be; of one rank the steps between its first and last new one.
  let stretches: [Stretch]
  /// The step from which on a new attempt may have taken over from another; nil: none did.
  let takeover: Int?
  /// All steps that may be other than they were; nil: none.
  let changed: ClosedRange<Int>?

  init(run: Int, attempts: AttemptsInForce, _ db: Database) throws {
    takeover = try Int.fetchOne(
      db, sql: "SELECT min(first_step) FROM attempt WHERE run_id = ? AND unseen = 1",
      arguments: [run]
    ).map { max(0, $0) }
    var noted: [Int: [Int: ClosedRange<Int>]] = [:]
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT attempt_id, rank, unseen_from, unseen_to FROM journal
        WHERE run_id = ? AND unseen_from <= unseen_to
        """, arguments: [run])
    for row in rows {
      noted[row[0], default: [:]][row[1]] = (row[2] as Int)...(row[3] as Int)
    }
    var stretches: [Stretch] = []
    var changed = takeover.map { $0...Int.max }
    for attempt in attempts.attempts {
      let inForce = attempt.steps.lowerBound...(attempt.steps.upperBound - 1)
      for rank in attempt.ranks {
        let new = Self.hull(noted[attempt.id]?[rank], takeover.map { $0...Int.max })
        guard let new, new.overlaps(inForce) else { continue }
        let steps = new.clamped(to: inForce)
        stretches.append(Stretch(attemptID: attempt.id, rank: rank, steps: steps))
        changed = Self.hull(changed, steps)
      }
    }
    self.stretches = stretches
    self.changed = changed
  }

  /// Notes new frames of a journal.
  static func note(_ steps: ClosedRange<Int>, inJournal journal: Int, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        UPDATE journal SET unseen_from = min(coalesce(unseen_from, ?1), ?1),
          unseen_to = max(coalesce(unseen_to, ?2), ?2) WHERE id = ?3
        """
    ).execute(arguments: [steps.lowerBound, steps.upperBound, journal])
  }

  /// Notes that the findings of a run have seen all there is.
  static func clear(run: Int, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE journal SET unseen_from = NULL, unseen_to = NULL
        WHERE run_id = ? AND unseen_from IS NOT NULL
        """, arguments: [run])
    try db.execute(
      sql: "UPDATE attempt SET unseen = 0 WHERE run_id = ? AND unseen = 1", arguments: [run])
  }

  /// The steps from the first to the last of both.
  static func hull(_ a: ClosedRange<Int>?, _ b: ClosedRange<Int>?) -> ClosedRange<Int>? {
    guard let a, let b else { return a ?? b }
    return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
  }
}
