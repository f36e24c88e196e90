import GRDB
import ProbeCore
import ProbeStore
import Support
import Testing

/// What examinations measure beside ablations.
@Suite struct ExaminationTests {
  private func examination(_ byte: UInt8 = 9, samples: Int = 64) -> Examination {
    Examination(
      identity: Identity(bytes: [UInt8](repeating: byte, count: 16))!, step: 11, samples: samples,
      planned: 2, baseLoss: 0.25, baseError: 0.0625)
  }

  /// A network of `blocks` blocks of one stage.
  private func journal(blocks: Int) throws -> TestJournal {
    var journal = TestJournal()
    journal.blocks = try BlockMap((0..<blocks).map { Block(ordinal: $0, name: "blocks.\($0)") })
    return journal
  }

  private func span(_ first: Int, _ last: Int, angle: Double = 0.25) -> Similarity {
    var similarity = Similarity(first: first, last: last)
    similarity.angularDistance = Moments(n: 64, mean: angle, m2: 0.5)!
    similarity.gapSamples = 63
    similarity.gapLogs = Moments(n: 60, mean: -3, m2: 1.5)!
    similarity.cka = 0.875
    similarity.branchCKA = -0.125
    return similarity
  }

  private func order(
    _ strategy: RemovalOrder.Strategy, _ ordinals: [Int], place: Int = 0, number: Int = 0
  ) -> ProbeCore.Record {
    .removalOrder(
      examination(),
      RemovalOrder(strategy: strategy, number: number, place: place, ordinals: ordinals))
  }

  @Test func `similarities, reuse and orders come back as they were measured`() throws {
    let test = try TestStore()
    var journal = try journal(blocks: 4)
    var still = span(0, 0)
    (still.gapLogs, still.cka, still.branchCKA) = (Moments(), nil, nil)
    var apart = Similarity(first: 0, last: 3)
    apart.cka = 0.5
    let later = [span(1, 1), span(1, 2)]
    let reuse = [
      Reuse(reader: 1, sources: [Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.25)]),
      Reuse(
        reader: 3,
        sources: [
          Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.5),
          Reuse.Source(ordinal: 1, maps: 12, meanWeight: 0),
        ]),
    ]
    let outcome = try test.store.append(
      journal.batch(
        [
          // Not in their order: segments are taken in as they come.
          .similarity(examination(), later), .similarity(examination(), [still, apart]),
          .reuse(examination(), reuse[1]), .reuse(examination(), reuse[0]),
          order(.greedy, [2], place: 1), order(.greedy, [3]), order(.random, [0, 1], number: 1),
          order(.deepestFirst, [3, 2, 1, 0]), order(.random, [1, 0]),
        ]))
    #expect(outcome.rejections.isEmpty)
    let found = try #require(try test.store.ablations(ofRun: 1))
    #expect(found.examination == examination() && found.all.isEmpty)
    #expect(found.similarities == [still, apart] + later)
    #expect(found.reuse == reuse)
    #expect(
      Set(found.orders) == [
        RemovalOrder(strategy: .greedy, ordinals: [3, 2]),
        RemovalOrder(strategy: .deepestFirst, ordinals: [3, 2, 1, 0]),
        RemovalOrder(strategy: .random, ordinals: [1, 0]),
        RemovalOrder(strategy: .random, number: 1, ordinals: [0, 1]),
      ])
    #expect(found.orders.count == 4)
    let gaps = try test.rows("SELECT span_gap, angular_distance_n, cka FROM similarity")
    #expect(gaps[0] == [.real(0), .integer(64), .null] && gaps[1] == [.null, .null, .real(0.5)])
    #expect(gaps[2][0] == .real(try #require(later[0].spanGap)))
  }

  @Test func `measured again, the first stands`() throws {
    let test = try TestStore()
    var journal = try journal(blocks: 3)
    let source = Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.25)
    let other = Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.75)
    let outcome = try test.store.append(
      journal.batch([
        .similarity(examination(), [span(0, 0)]),
        .similarity(examination(), [span(0, 0, angle: 0.5), span(0, 1)]),
        .reuse(examination(), Reuse(reader: 1, sources: [source])),
        .reuse(examination(), Reuse(reader: 1, sources: [other])),
        order(.greedy, [0]), order(.greedy, [1, 2]),
      ]))
    #expect(outcome.rejections.isEmpty)
    let found = try #require(try test.store.ablations(ofRun: 1))
    #expect(found.similarities == [span(0, 0), span(0, 1)])
    #expect(found.reuse == [Reuse(reader: 1, sources: [source])])
    // Place 0 is block 0's, and place 1 is free for block 2.
    #expect(found.orders == [RemovalOrder(strategy: .greedy, ordinals: [0, 2])])
  }

  @Test func `a place that is not known ends an order, and one without its first is none`() throws {
    let test = try TestStore()
    var journal = try journal(blocks: 6)
    _ = try test.store.append(
      journal.batch([
        order(.greedy, [4, 3]), order(.greedy, [1, 0], place: 3), order(.random, [2, 1], place: 1),
        // Block 4 has a place: the second is not taken, and what follows it is cut off.
        order(.deepestFirst, [5, 4]), order(.deepestFirst, [4, 3], place: 2),
      ]))
    #expect(
      Set(try #require(try test.store.ablations(ofRun: 1)).orders) == [
        RemovalOrder(strategy: .greedy, ordinals: [4, 3]),
        RemovalOrder(strategy: .deepestFirst, ordinals: [5, 4]),
      ])
    // What is missing may still come, in a segment that was taken in late.
    _ = try test.store.append(journal.batch([order(.greedy, [5], place: 2)]))
    #expect(
      try test.store.ablations(ofRun: 1)?.orders.first { $0.strategy == .greedy }?.ordinals
        == [4, 3, 5, 1, 0])
  }

  @Test func `what contradicts the block map or the examination is passed over and counted`()
    throws
  {
    let source = [Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.25)]
    let other = examination(samples: 32)
    let records: [(ProbeCore.Record, String)] = [
      (
        .similarity(examination(), [span(0, 0), span(0, 3)]),
        "a similarity of block 3 of a map of 3"
      ),
      (
        .similarity(other, [span(1, 1)]), "a similarity of an examination that began otherwise"
      ),
      (
        .reuse(examination(), Reuse(reader: 4, sources: source)),
        "a reuse of block 4 of a map of 3"
      ),
      (
        .reuse(other, Reuse(reader: 1, sources: source)),
        "a reuse of an examination that began otherwise"
      ),
      (order(.greedy, [2, 1, 3]), "a removal order of block 3 of a map of 3"),
      (
        .removalOrder(other, RemovalOrder(strategy: .greedy, ordinals: [0])),
        "a removal order of an examination that began otherwise"
      ),
    ]
    for (record, words) in records {
      let test = try TestStore()
      var journal = try journal(blocks: 3)
      _ = try test.store.append(journal.batch([.similarity(examination(), [span(0, 0)])]))
      let outcome = try test.store.append(journal.batch([record]))
      #expect(outcome.rejections.count == 1 && outcome.rejections.first == words)
      let found = try #require(try test.store.ablations(ofRun: 1))
      #expect(found.similarities == [span(0, 0)] && found.reuse.isEmpty && found.orders.isEmpty)
    }
  }

  @Test func `before its block map, or of another one, nothing is taken`() throws {
    let test = try TestStore()
    var journal = try journal(blocks: 3)
    var early = journal.batch([order(.greedy, [0])])
    early.records.remove(at: 1)
    #expect(
      try test.store.append(early).rejections.first == "a removal order before its block map")
    var second = try self.journal(blocks: 4)
    second.opened.run = journal.opened.run
    _ = try test.store.append(second.batch([]))
    var third = try self.journal(blocks: 2)
    third.opened.run = journal.opened.run
    let outcome = try test.store.append(
      third.batch([.similarity(examination(), [span(0, 0)])]))
    // The map itself is the first.
    #expect(outcome.rejections.count == 2)
    #expect(try test.store.ablations(ofRun: 1) == nil)
  }

  @Test func `a similarity that was edited into nonsense is left out`() throws {
    let test = try TestStore()
    var journal = try journal(blocks: 3)
    _ = try test.store.append(
      journal.batch([.similarity(examination(), [span(0, 0), span(0, 1), span(0, 2)])]))
    try DatabaseQueue(path: test.path).write {
      try $0.execute(
        sql: """
          UPDATE similarity SET angular_distance_m2 = -1 WHERE later_block_id = 1;
          UPDATE similarity SET span_gap_log_n = 64 WHERE later_block_id = 2;
          """)
    }
    #expect(try test.store.ablations(ofRun: 1)?.similarities == [span(0, 2)])
  }
}
