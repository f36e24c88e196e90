import GRDB
import Glibc
import ProbeCore
import ProbeStore
import Support
import Testing

/// A store in a folder of its own, and its rows as a user's SQL sees them.
struct TestStore {
  let folder: TemporaryFolder
  let store: Store
  var path: String { store.path }

  init() throws {
    folder = try TemporaryFolder()
    store = try Store.openForWriting(at: folder.file("probe.sqlite"))
  }

  func rows(_ sql: String) throws -> [[Cell]] {
    var query = try GuardedQuery(sql, onStoreAt: path)
    var rows: [[Cell]] = []
    while let row = try query.next() { rows.append(row) }
    return rows
  }

  func number(_ sql: String) throws -> Int64? {
    guard case .integer(let value)? = try rows(sql).first?.first else { return nil }
    return value
  }

  func real(_ sql: String) throws -> Double? {
    guard case .real(let value)? = try rows(sql).first?.first else { return nil }
    return value
  }
}

/// A journal being written, as an intake hands it on.
struct TestJournal {
  var opened: RunOpened
  var blocks: BlockMap = Golden.blocks
  var journal = Identity.random()
  var offset = 0

  init(
    run: Identity = .random(), started: Double = 1.75e9, firstStep: Int = 0, rank: Int = 0,
    worldSize: Int = 1, attempt: Identity = .random(), name: String = "test"
  ) {
    opened = RunOpened(
      run: run, attempt: attempt, name: name, startedAt: started, firstStep: firstStep, rank: rank,
      worldSize: worldSize)
  }

  /// The next batch: the head first, then these records; each record counts ten bytes.
  mutating func batch(_ records: [ProbeCore.Record]) -> JournalBatch {
    var batch = JournalBatch(journal: journal, segment: 0, from: offset)
    batch.records = (offset == 0 ? [.runOpened(opened), .blockMap(blocks)] : []) + records
    offset += 10 * batch.records.count
    batch.to = offset
    return batch
  }
}

@Suite struct AppendTests {
  private func frames(_ steps: some Sequence<Int>, gap: Double = 0.25) -> [ProbeCore.Record] {
    steps.map { .frame(Golden.frame(step: $0, gap: gap)) }
  }

  @Test func `a batch's rows and its offset are there together`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let outcome = try test.store.append(journal.batch(frames([0, 10])))
    #expect(outcome.runID == 1 && outcome.offset == 40 && outcome.frames == 2)
    #expect(try test.store.state(ofSegment: 0, in: journal.journal).offset == 40)
    #expect(try test.number("SELECT count(*) FROM frame") == 2)
    #expect(try test.number("SELECT count(*) FROM block_statistics") == 4)
    #expect(try test.number("SELECT count(*) FROM metric") == 2)
  }

  @Test func `every statistic comes back as it was written`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch(frames([0])))
    let run = try #require(try test.store.run(1))
    let steps = try test.store.steps(ofRun: 1)
    let history = try test.store.history(
      of: run, steps: steps, request: HistoryRequest(window: 0...0, reference: nil, threshold: 0.1))
    let expected = Golden.frame(step: 0, gap: 0.25).blocks
    #expect(history.blocks.map { $0.latest?.statistics } == expected)
    #expect(history.blocks.map(\.block) == Golden.blocks.blocks)
    #expect(
      history.blocks[0].window.first?.statistics.identityGap.p50 == expected[0].identityGap.p50)
    #expect(
      history.blocks[0].window.first?.statistics.identityGapHistogram
        == expected[0].identityGapHistogram)
  }

  @Test func `a batch that was taken in before changes nothing`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let batch = journal.batch(frames([0]))
    _ = try test.store.append(batch)
    let again = try test.store.append(batch)
    #expect(again.frames == 0 && again.offset == 30)
    #expect(try test.number("SELECT count(*) FROM frame") == 1)
  }

  @Test func `a gap before a batch is refused by its offset`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch(frames([0])))
    var late = journal.batch(frames([10]))
    late.from += 5
    #expect(try test.store.append(late).offset == 30)
    #expect(try test.number("SELECT count(*) FROM frame") == 1)
  }

  @Test func `what contradicts the block map is passed over and counted`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    var stray = Golden.frame(step: 1, gap: 0.5)
    stray.blocks[1].ordinal = 2
    let outcome = try test.store.append(
      journal.batch([.frame(stray)] + frames([0, 0]) + [.blockMap(try BlockMap([]))]))
    #expect(outcome.rejections.count == 3 && outcome.rejections.unknownRecords == 0)
    #expect(outcome.rejections.first == "step 1: block 2 of a map of 2")
    #expect(try test.number("SELECT rejected_records FROM journal") == 3)
    #expect(try test.store.run(1)?.rejectedRecords == 3)
    #expect(try test.number("SELECT count(*) FROM frame") == 1)
  }

  @Test func `a second frame of one step is passed over`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let outcome = try test.store.append(journal.batch(frames([0, 0])))
    #expect(outcome.rejections.first == "step 0: a second frame of the same step")
    #expect(outcome.frames == 1)
  }

  @Test func `a resumed run with another network keeps its frames out`() throws {
    let test = try TestStore()
    var first = TestJournal()
    _ = try test.store.append(first.batch(frames([0])))
    var second = TestJournal(run: first.opened.run, started: 1.76e9)
    second.blocks = try BlockMap([Block(ordinal: 0, name: "other")])
    let outcome = try test.store.append(second.batch(frames([1])))
    #expect(outcome.rejections.count == 2)
    #expect(outcome.rejections.first == "a block map that is not the run's")
    #expect(
      try test.store.append(second.batch(frames([2]))).rejections.first
        == "step 2: a frame of a block map that is not the run's")
    #expect(try test.number("SELECT count(*) FROM frame") == 1)
  }

  @Test func `a second journal of the same attempt and rank is refused`() throws {
    let test = try TestStore()
    var first = TestJournal()
    _ = try test.store.append(first.batch(frames([0])))
    var second = TestJournal(run: first.opened.run, attempt: first.opened.attempt)
    let batch = second.batch(frames([1]))
    let error = #expect(throws: StoreError.self) { try test.store.append(batch) }
    #expect(error?.kind == .refused)
    #expect(error?.reason.hasPrefix("it claims to be rank 0 of an attempt that journal") == true)
    #expect(try test.number("SELECT count(*) FROM journal") == 1)
  }

  @Test func `a journal that does not begin with an opening is refused`() throws {
    let test = try TestStore()
    var batch = JournalBatch(journal: .random(), segment: 0, from: 0)
    batch.records = frames([0])
    batch.to = 10
    #expect(throws: StoreError.self) { try test.store.append(batch) }
    #expect(try test.number("SELECT count(*) FROM run") == 0)
  }

  @Test func `a resume supersedes from its first step on, whatever comes in first`() throws {
    for isReversed in [false, true] {
      let test = try TestStore()
      var first = TestJournal()
      var second = TestJournal(run: first.opened.run, started: 1.76e9, firstStep: 20)
      let batches = [
        first.batch(frames([0, 10, 20, 30], gap: 0.5)),
        second.batch(frames([20, 30, 40], gap: 0.01)),
      ]
      for batch in isReversed ? batches.reversed() : batches { _ = try test.store.append(batch) }
      #expect(try test.store.steps(ofRun: 1).map(\.step) == [0, 10, 20, 30, 40])
      #expect(
        try test.rows(
          "SELECT step, identity_gap_p50 FROM block_step WHERE ordinal = 0 ORDER BY step")
          == [0, 10, 20, 30, 40].map { [.integer($0), .real($0 < 20 ? 0.5 : 0.01)] })
      #expect(
        try test.rows("SELECT number, first_step, superseded_from FROM attempt ORDER BY number")
          == [[.integer(1), .integer(0), .integer(20)], [.integer(2), .integer(20), .null]])
      let history = try test.store.history(
        of: try #require(try test.store.run(1)), steps: try test.store.steps(ofRun: 1),
        request: HistoryRequest(window: 0...40, reference: nil, threshold: 0.1))
      #expect(
        history.blocks[0].window.map(\.statistics.identityGap.p50) == [0.5, 0.5, 0.01, 0.01, 0.01])
      #expect(history.blocks[0].crossing == .last(step: 10, next: 20))
      #expect(history.blocks[0].trend.count == 5)
    }
  }

  @Test func `attempts are in the order of their starts, whichever comes in first`() throws {
    let test = try TestStore()
    let run = Identity.random()
    // Starts in a scrambled order, some of them equal; first steps that rise and fall.
    let starts = (0..<60).map { 1.75e9 + Double($0 * 37 % 50) }
    let journals = starts.enumerated().map { index, start in
      TestJournal(run: run, started: start, firstStep: index * 11 % 23)
    }
    for var journal in journals { _ = try test.store.append(journal.batch([])) }
    let ordered = journals.map(\.opened).sorted {
      ($0.startedAt, $0.attempt.description) < ($1.startedAt, $1.attempt.description)
    }
    let expected = ordered.indices.map { index -> [Cell] in
      let later = ordered[(index + 1)...].map(\.firstStep).min()
      return [
        .text(ordered[index].attempt.description), .integer(Int64(index + 1)),
        later.map { .integer(Int64($0)) } ?? .null,
      ]
    }
    #expect(
      try test.rows("SELECT uuid, number, superseded_from FROM attempt ORDER BY number")
        == expected)
  }

  @Test func `rollups are what the rows come to, whatever the order and the batches`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    let steps = (0..<300).map { $0 * 7919 % 5000 } + [40_000, 300_000, 30_001, 300_001]
    for start in stride(from: 0, to: steps.count, by: 97) {
      let batch = steps[start..<min(start + 97, steps.count)].map {
        ProbeCore.Record.frame(Golden.frame(step: $0, gap: Double($0 % 100) / 64))
      }
      #expect(try test.store.append(journal.batch(batch)).frames == batch.count)
    }
    let spans = RollupSpan.lengths.map { length in
      """
      SELECT block_id, \(length) AS span, step / \(length) * \(length) AS start, count(*),
        min(identity_gap_p50), max(identity_gap_p50), count(residual_ratio_p50),
        min(residual_ratio_p50), max(residual_ratio_p50)
      FROM block_statistics WHERE identity_gap_p50 IS NOT NULL GROUP BY block_id, step / \(length)
      """
    }
    #expect(
      try test.rows(
        """
        SELECT block_id, span, start, identity_gap_n, identity_gap_min, identity_gap_max,
          residual_ratio_n, residual_ratio_min, residual_ratio_max
        FROM block_rollup ORDER BY block_id, span, start
        """)
        == test.rows(spans.joined(separator: " UNION ALL ") + " ORDER BY block_id, span, start"))
    let sum = steps.reduce(0.0) { $0 + log(max(Double($1 % 100) / 64, 0x1p-20)) }
    for length in RollupSpan.lengths {
      let found = try #require(
        try test.real("SELECT sum(identity_gap_log_sum) FROM block_rollup WHERE span = \(length)"))
      #expect(abs(found - sum) < 1e-9 * abs(sum))
    }
  }

  @Test func `ranks of one step merge over their samples`() throws {
    let test = try TestStore()
    let attempt = Identity.random()
    var first = TestJournal(worldSize: 2, attempt: attempt)
    var second = TestJournal(
      run: first.opened.run, rank: 1, worldSize: 2, attempt: attempt)
    _ = try test.store.append(second.batch(frames([0], gap: 0.5)))
    _ = try test.store.append(first.batch(frames([0], gap: 0.25)))
    #expect(try test.number("SELECT ranks FROM block_step WHERE ordinal = 0") == 2)
    #expect(
      try test.number("SELECT percentiles_approximate FROM block_step WHERE ordinal = 0") == 1)
    #expect(try test.number("SELECT samples FROM block_step WHERE ordinal = 0") == 128)
    #expect(try test.real("SELECT identity_gap_p50 FROM block_step WHERE ordinal = 0") == 0.375)
    #expect(try test.real("SELECT identity_gap_max FROM block_step WHERE ordinal = 0") == 2)
    #expect(try test.real("SELECT identity_gap_p50 FROM block_latest WHERE ordinal = 0") == 0.375)
    let history = try test.store.history(
      of: try #require(try test.store.run(1)), steps: try test.store.steps(ofRun: 1),
      request: HistoryRequest(window: 0...0, reference: nil, threshold: 0.1))
    #expect(history.run.ranks == [0, 1])
    #expect(history.blocks[0].window.first?.statistics.identityGap.p50 == 0.375)
    #expect(history.blocks[0].window.first?.statistics.identityGapHistogram.counts[60] == 120)
  }

  @Test func `NaN is NULL in a row and its counter says why`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    var frame = Golden.frame(step: 0, gap: 0.25)
    frame.loss = .nan
    _ = try test.store.append(journal.batch([.frame(frame)]))
    #expect(try test.rows("SELECT loss, loss_is_nan FROM run_step") == [[.null, .integer(1)]])
    #expect(try test.store.steps(ofRun: 1).first?.loss?.isNaN == true)
    #expect(
      try test.rows(
        "SELECT identity_gap_p50, identity_gap_n, non_finite FROM block_step WHERE ordinal = 1")
        == [[.null, .integer(0), .integer(64)]])
  }

  @Test func `a killed transaction leaves neither rows nor offset`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(journal.batch(frames([0])))
    // A trigger stands for any failure between the rows and the offset.
    try DatabaseQueue(path: test.path).write {
      try $0.execute(
        sql: """
          CREATE TRIGGER stop BEFORE UPDATE ON journal_segment
          BEGIN SELECT raise(ABORT, 'stopped'); END
          """)
    }
    #expect(throws: StoreError.self) { try test.store.append(journal.batch(frames([10]))) }
    #expect(try test.number("SELECT count(*) FROM frame") == 1)
    #expect(try test.store.state(ofSegment: 0, in: journal.journal).offset == 30)
  }

  @Test func `the end of an attempt is the run's status, and a failed rank fails it`() throws {
    let test = try TestStore()
    let attempt = Identity.random()
    var first = TestJournal(worldSize: 2, attempt: attempt)
    var second = TestJournal(run: first.opened.run, rank: 1, worldSize: 2, attempt: attempt)
    func end(_ status: AttemptFinished.Status) -> ProbeCore.Record {
      .attemptFinished(
        AttemptFinished(status: status, finishedAt: 1.8e9, lastStep: 9, droppedFrames: 4))
    }
    _ = try test.store.append(second.batch([end(.failed)]))
    _ = try test.store.append(first.batch([end(.completed)]))
    let run = try #require(try test.store.run(1))
    #expect(run.status == .failed && run.droppedFrames == 8 && run.lastSeenAt == 1.8e9)
    var resumed = TestJournal(run: first.opened.run, started: 1.9e9, firstStep: 5)
    _ = try test.store.append(resumed.batch([]))
    #expect(try test.store.run(1)?.status == nil)
  }
}
