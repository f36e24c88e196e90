import GRDB
public import ProbeCore

extension Store {
  /// Says what a block counts as by the end of a window: from what was said by the one before (nil:
  /// this is the first), the block, the window's steps and the block's records in them.
  public typealias WindowJudge = (BlockWindow?, Block, ClosedRange<Int>, [GapRecord]) ->
    BlockWindow

  /// Brings a run's windows and findings up to what was taken in of it.
  ///
  /// They follow from the run's frames alone: taken in one by one, all at once or with a kill between,
  /// the rows are the same. Costs what is new, and the windows that are judged by it.
  ///
  /// - Parameters:
  ///   - run: The run's number.
  ///   - windowSteps: The measured steps in a window.
  ///   - judge: What a window says of a block that "y = x" can be asked of.
  /// - Returns: The steps that may be other than they were the last time, new ones among them; nil
  ///   for none.
  /// - Throws: ``StoreError``; what was judged before it stays.
  @discardableResult
  public func keepFindings(
    ofRun run: Int, windowSteps: Int, judge: WindowJudge
  ) throws(StoreError) -> ClosedRange<Int>? {
    precondition(windowSteps > 0, "a window has steps")
    let action = "keep the findings of"
    var changed: ClosedRange<Int>?
    var isComplete = false
    while !isComplete {
      let part = try write(action) { db in
        let attempts = try AttemptsInForce(run: run, db)
        let blocks = try BlockRows.fetch(run: run, db)
        let windows = WindowWriter(run: run, blocks: blocks, attempts: attempts, db: db)
        let unseen = try Unseen(run: run, attempts: attempts, db)
        if let changed = unseen.changed { try windows.rewind(to: changed.lowerBound) }
        try StateWriter(run: run, blocks: blocks, attempts: attempts, unseen: unseen, db: db)
          .write()
        try Unseen.clear(run: run, db)
        return Part(
          changed: unseen.changed,
          isComplete: try windows.advance(windowSteps: windowSteps, judge: judge))
      }
      changed = Unseen.hull(changed, part.changed)
      isComplete = part.isComplete
    }
    return changed
  }

  /// What one transaction did.
  private struct Part {
    var changed: ClosedRange<Int>?
    var isComplete: Bool
  }

  /// What was noticed of a run, in the order of the steps that showed it.
  public func findings(ofRun run: Int) throws(StoreError) -> [NotedFinding] {
    try read("read the findings in") { try Self.findings(ofRun: run, $0) }
  }

  static func findings(ofRun run: Int, _ db: Database) throws -> [NotedFinding] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT f.kind, b.ordinal, f.identity, f.first_step, f.noticed_step, f.noticed_at, f.count
        FROM finding AS f LEFT JOIN block AS b ON b.id = f.block_id
        WHERE f.run_id = ? ORDER BY f.noticed_step, f.kind, b.ordinal
        """, arguments: [run]
    ).compactMap { row in
      NotedFinding.Kind(rawValue: row[0]).map {
        NotedFinding(
          $0, ordinal: row[1], isIdentity: row[2], firstStep: row[3], noticedStep: row[4],
          noticedAt: row[5], count: row[6])
      }
    }
  }
}
