import Foundation
import ProbeAnalysis
import ProbeCore
import ProbeDaemon
import ProbeReport
import ProbeStore
import ProbeWire
import Support
import Testing

@Suite struct HostileJournalTests {
  /// FUZZ_CASES makes a longer hunt of it.
  private static let cases =
    ProcessInfo.processInfo.environment["FUZZ_CASES"].flatMap { Int($0) } ?? 40

  @Test(arguments: 1...4)
  func `whatever comes in, the store stays sound and each run has its report`(seed: Int) throws {
    let intake = try Intake()
    var journals = HostileJournal(seed: UInt64(seed))
    var frames = 0
    var rejected = 0
    for number in 0..<Self.cases {
      let path = try intake.write(try journals.next(), as: "\(number)")
      let account = try intake.take(path)
      frames += account.frames
      rejected += account.rejections.count
      // A second time nothing is new.
      if case .refused = account.end { continue }
      #expect(try intake.take(path).frames == 0)
    }
    #expect(frames > Self.cases && rejected > Self.cases)
    #expect(try intake.store.integrityProblems() == [])
    var strays = try GuardedQuery("PRAGMA foreign_key_check", onStoreAt: intake.store.path)
    let stray = try strays.next()
    #expect(stray == nil)
    for view in SchemaText.views {
      var rows = try GuardedQuery("SELECT * FROM \(view)", onStoreAt: intake.store.path)
      while try rows.next() != nil {}
    }
    let runs = try intake.store.runs()
    #expect(runs.count > 4)
    try VerdictUpdate.update(runs.map(\.id), in: intake.store)
    for run in runs {
      let judged = try JudgedRun(run, in: intake.store, settings: VerdictSettings())
      let report = Report(
        history: judged.history, verdicts: judged.verdicts, window: judged.window)
      #expect(!TerminalRenderer(width: 100, colour: false).render(report).isEmpty)
      let json = JSONRenderer().render(report)
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(json.utf8)) }
    }
  }

  /// A segment of these records.
  private func segment(_ records: [Record]) throws -> [UInt8] {
    try records.reduce(into: Journal.header(of: Golden.segment)) { bytes, record in
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: Golden.segment))
    }
  }

  @Test func `the counts of 1100 ranks are summed as far as they are believed`() throws {
    let intake = try Intake()
    for rank in 0..<1_100 {
      var opened = Golden.opened
      opened.worldSize = 1_100
      opened.rank = rank
      var frame = Golden.frame(step: 0, gap: 0.25)
      frame.droppedFrames = 1 << 40
      frame.blocks[0].samples = 1 << 40
      frame.blocks[0].identityGap.n = 1 << 40
      var batch = JournalBatch(journal: .random(), segment: 0, from: 0)
      batch.records = [.runOpened(opened), .blockMap(Golden.blocks), .frame(frame)]
      batch.to = 100
      _ = try intake.store.append(batch)
    }
    #expect(
      try intake.count("SELECT samples FROM block_step WHERE ordinal = 0") == 1_100 << 40)
    #expect(try intake.count("SELECT dropped_frames FROM run_step") == 1_100 << 40)
    let run = try #require(try intake.store.run(1))
    let judged = try JudgedRun(run, in: intake.store, settings: VerdictSettings())
    #expect(judged.history.blocks[0].latest?.statistics.samples == 1_100 << 40)
  }

  @Test func `records that take a hundred times their bytes are taken in a few at a time`() throws {
    let names = (0..<BlockMap.maximumBlocks).map { Block(ordinal: $0, name: "\($0)") }
    var bytes = try segment([.runOpened(Golden.opened), .blockMap(try BlockMap(names))])
    // Tens of megabytes of values in half a megabyte of bytes.
    let blocks = (0..<BlockMap.maximumBlocks).map { ordinal in
      WireField(9, .message([WireField(1, .varint(UInt64(ordinal)))]))
    }
    for step in 0..<6 {
      let frame = WireField(3, .message([WireField(1, .varint(UInt64(step)))] + blocks))
      bytes += Journal.frame(payload: WireField.bytes([frame]))
    }
    var decoder = SegmentDecoder(Golden.segment, from: 0)
    decoder.append(bytes)
    for _ in 0..<3 {
      let pause = decoder.decode()
      #expect(pause == .full)
      let taken = decoder.takeBatch()
      let batch = try #require(taken)
      let frames = batch.records.count { if case .frame = $0 { true } else { false } }
      #expect((1...2).contains(frames))
    }
  }

  @Test func `millions of bad records are counted, not kept`() throws {
    // A record of one byte that is no message, nine bytes each.
    let bad = Journal.frame(payload: [0xFF])
    var bytes = try segment([.runOpened(Golden.opened)])
    for _ in 0..<100_000 { bytes += bad }
    bytes += Journal.frame(payload: [0x50, 0x00])
    let intake = try Intake()
    let account = try intake.take(try intake.write(bytes, as: "a.rpj"))
    #expect(account.rejections.count == 100_001 && account.rejections.unknownRecords == 1)
    #expect(account.remarks.count == 1)
    #expect(
      account.remarks.first?.hasSuffix(
        ": passed over 100001 records: it is no Record message of probe.proto (and 100000 more)")
        == true)
    #expect(try intake.store.run(1)?.rejectedRecords == 100_001)
  }
}
