import ProbeCore
import ProbeStore
import Support
import Testing

@Suite struct AblationTests {
  private func examination(_ byte: UInt8 = 9, step: Int = 11, planned: Int = 2) -> Examination {
    Examination(
      identity: Identity(bytes: [UInt8](repeating: byte, count: 16))!, step: step, samples: 64,
      planned: planned, baseLoss: 0.25, baseError: 0.0625)
  }

  private func ablation(_ ordinals: [Int], _ change: Double = 0.5) -> Ablation {
    var ablation = Ablation(
      ordinals: ordinals, wallTime: 1.75e9 + 600, lossChanges: Moments(n: 64, mean: change, m2: 2)!)
    ablation.loss = Ablation.Change(value: change, lower: change - 0.1, upper: change + 0.1)
    ablation.halves = Ablation.Halves(even: change - 0.01, odd: change + 0.01)
    ablation.error = Ablation.Change(value: 0.25, lower: 0.125, upper: 0.5)
    if ordinals.count == 1 {
      ablation.identityGap = LogDistribution(
        n: 64, logs: Moments(n: 64, mean: -1, m2: 2)!, p50: 0.25, p90: 0.5, p99: 1, max: 2)
    }
    return ablation
  }

  private let frames: [ProbeCore.Record] = [
    .frame(Golden.frame(step: 0, gap: 0.25)), .frame(Golden.frame(step: 10, gap: 0.0625)),
  ]

  @Test func `an examination comes back as it was measured`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    var infinite = ablation([0, 1])
    infinite.lossChanges = Moments(n: 60, mean: 1, m2: 0)!
    infinite.nonFinite = 4
    (infinite.loss, infinite.halves, infinite.error) = (nil, nil, nil)
    let all = [ablation([0]), ablation([1]), infinite]
    let records = all.map { ProbeCore.Record.ablation(examination(planned: 3), $0) }
    let outcome = try test.store.append(journal.batch(frames + records))
    #expect(outcome.rejections.isEmpty)
    let found = try #require(try test.store.ablations(ofRun: 1))
    #expect(found.examination == examination(planned: 3))
    #expect(found.all == all)
    #expect(found.isComplete && found.singles.keys.sorted() == [0, 1])
    #expect(
      try test.rows(
        "SELECT name, loss_change, error_change, identity_gap_p50 FROM block_ablation ORDER BY ordinal"
      )
        == [
          [.text("layer1.0"), .real(0.5), .real(0.25), .real(0.25)],
          [.text("layer1.1"), .real(0.5), .real(0.25), .real(0.25)],
        ])
    #expect(
      try test.rows("SELECT blocks FROM ablation WHERE block_id IS NULL") == [[.text("[0,1]")]])
  }

  @Test func `measured again, the first stands, and more may be planned`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    _ = try test.store.append(
      journal.batch(
        frames + [
          .ablation(examination(planned: 1), ablation([0])),
          .ablation(examination(planned: 2), ablation([0], 0.75)),
          .ablation(examination(planned: 2), ablation([1], 0.125)),
        ]))
    let found = try #require(try test.store.ablations(ofRun: 1))
    #expect(found.all.map(\.lossChanges.mean) == [0.5, 0.125])
    #expect(found.examination.planned == 2)
  }

  @Test
  func `the newest examination speaks that removed at least half as many blocks as the fullest`()
    throws
  {
    let test = try TestStore()
    var journal = TestJournal()
    func means() throws -> [Double]? {
      try test.store.ablations(ofRun: 1)?.all.map(\.lossChanges.mean)
    }
    func take(_ byte: UInt8, step: Int, _ ordinals: [Int], _ change: Double) throws {
      _ = try test.store.append(
        journal.batch([.ablation(examination(byte, step: step), ablation(ordinals, change))]))
    }
    _ = try test.store.append(journal.batch(frames))
    #expect(try means() == nil)
    try take(1, step: 5, [0], 1)
    try take(1, step: 5, [1], 1)
    #expect(try means() == [1, 1])
    // Half of them, and newer.
    try take(2, step: 8, [0], 2)
    #expect(try means() == [2])
    #expect(try test.number("SELECT max(step) FROM block_ablation") == 8)
    // Of the same step, the fuller; one that removed several blocks together only does not speak.
    try take(3, step: 8, [0], 3)
    try take(3, step: 8, [1], 3)
    try take(4, step: 9, [0, 1], 4)
    #expect(try means() == [3, 3])
    #expect(try test.number("SELECT blocks FROM run_examination") == 2)
  }

  @Test func `a later attempt takes out of force what was examined after its first step`() throws {
    let test = try TestStore()
    let run = Identity.random()
    var first = TestJournal(run: run)
    _ = try test.store.append(
      first.batch(
        frames + [
          .ablation(examination(1, step: 5, planned: 1), ablation([0], 1)),
          .ablation(examination(2, step: 11, planned: 1), ablation([0], 2)),
        ]))
    var second = TestJournal(run: run, started: 1.76e9, firstStep: 5)
    _ = try test.store.append(second.batch([]))
    #expect(try test.store.ablations(ofRun: 1)?.examination.step == 5)
    #expect(try test.number("SELECT max(step) FROM block_ablation") == 5)
  }

  @Test func `what contradicts the block map or the examination is passed over and counted`() throws
  {
    let test = try TestStore()
    var journal = TestJournal()
    var other = examination()
    other.samples = 32
    var fewer = ablation([1])
    fewer.lossChanges = Moments(n: 32, mean: 0, m2: 0)!
    let outcome = try test.store.append(
      journal.batch([
        .ablation(examination(), ablation([0])), .ablation(examination(), ablation([2])),
        .ablation(other, fewer),
      ]))
    #expect(outcome.rejections.count == 2)
    #expect(outcome.rejections.first == "an ablation of block 2 of a map of 2")
    #expect(try test.store.ablations(ofRun: 1)?.all.count == 1)
  }
}
