import Foundation
import ProbeCore
import ProbeDaemon
import ProbeStore
import ProbeWire
import Support
import Testing

@Suite struct VerdictKeeperTests {
  /// The numbers of a seeded generator, so that a failure can be repeated.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 32 | state << 32
    }
  }

  /// What is kept of the scripted run once all of it is taken in at once.
  private func whole() throws -> [[Cell]] {
    let intake = try Intake()
    for var segment in ScriptedRun.segments {
      _ = try intake.store.append(segment.batch(.max))
    }
    try VerdictUpdate.update([1], in: intake.store)
    return try intake.kept()
  }

  private func changes(_ intake: Intake) throws -> [NotedFinding] {
    try intake.store.findings(ofRun: 1).filter { $0.kind == .verdictChanged }
  }

  @Test func `what is kept says what the script does`() throws {
    let intake = try Intake()
    for var segment in ScriptedRun.segments {
      _ = try intake.store.append(segment.batch(.max))
    }
    try VerdictUpdate.update([1], in: intake.store)
    #expect(
      try intake.store.findings(ofRun: 1) == [
        NotedFinding(.silentBlocks, ordinal: 3),
        NotedFinding(
          .droppedFrames, firstStep: 4, noticedStep: 4, noticedAt: 1e9 + 9, count: 80),
        NotedFinding(
          .verdictChanged, ordinal: 0, isIdentity: true, firstStep: 120, noticedStep: 179,
          noticedAt: 1e9 + 359),
        NotedFinding(
          .nonFiniteSamples, ordinal: 2, firstStep: 230, noticedStep: 230, noticedAt: 2e9 + 461),
        NotedFinding(
          .verdictChanged, ordinal: 0, isIdentity: false, firstStep: 400, noticedStep: 459,
          noticedAt: 2e9 + 919),
      ])
    #expect(
      try intake.count("SELECT count(*) FROM block_window") == 4 * 25)
    #expect(try intake.store.runsWithVerdictsDue().isEmpty)
  }

  @Test(arguments: 0..<16)
  func `in any order, any parts and with kills between, the rows are the same`(seed: Int) throws {
    let expected = try whole()
    var random = Numbers(state: UInt64(seed) &* 7919 &+ 17)
    let intake = try Intake()
    var keeper = VerdictKeeper()
    var segments = ScriptedRun.segments
    let most = [1, 20, 80, 300][seed % 4] + 3
    while !segments.isEmpty {
      // Even seeds: one segment after the other; odd ones: all at a time.
      let place = seed % 2 == 0 ? 0 : Int.random(in: 0..<segments.count, using: &random)
      if seed % 2 == 0, segments[0].isTaken == false, Int.random(in: 0..<400, using: &random) == 0 {
        segments.swapAt(0, Int.random(in: 0..<segments.count, using: &random))
      }
      let count = Int.random(in: 1...most, using: &random)
      _ = try intake.store.append(segments[place].batch(count))
      if segments[place].isTaken { segments.remove(at: place) }
      switch Int.random(in: 0..<(most < 30 ? 40 : 4), using: &random) {
      case 0: try keeper.update(try intake.store.runsWithVerdictsDue(), in: intake.store)
      case 1: keeper = VerdictKeeper()
      default: break
      }
    }
    try keeper.update(try intake.store.runsWithVerdictsDue(), in: intake.store)
    #expect(try intake.kept() == expected)
  }

  @Test func `a resume takes back what its run is no longer`() throws {
    let intake = try Intake()
    var keeper = VerdictKeeper()
    var segments = ScriptedRun.segments
    for place in [0, 3] { _ = try intake.store.append(segments[place].batch(.max)) }
    try keeper.update([1], in: intake.store)
    #expect(try changes(intake).map(\.firstStep) == [120, 200])
    #expect(try changes(intake).map(\.isIdentity) == [true, false])
    #expect(
      try intake.store.findings(ofRun: 1).filter { $0.kind == .nonFiniteSamples }.map(\.firstStep)
        == [210])
    // The head of the second start is enough: it says from where on it counts.
    _ = try intake.store.append(segments[1].batch(2))
    try keeper.update([1], in: intake.store)
    #expect(try changes(intake).map(\.firstStep) == [120])
    #expect(try intake.count("SELECT max(last_step) FROM block_window") == 199)
    let left = try intake.store.findings(ofRun: 1).map(\.kind)
    #expect(!left.contains(.nonFiniteSamples))
  }

  @Test func `a window waits for the ranks that are known, and not for one that sent nothing`()
    throws
  {
    let intake = try Intake()
    var keeper = VerdictKeeper()
    var segments = ScriptedRun.segments
    func last() throws -> Int64 {
      try keeper.update([1], in: intake.store)
      return try intake.count("SELECT coalesce(max(last_step), -1) FROM block_window")
    }
    _ = try intake.store.append(segments[0].batch(102))
    #expect(try last() == 99)
    // Rank 1 opens: it holds nothing back before its first frame, then everything.
    _ = try intake.store.append(segments[3].batch(2))
    #expect(try last() == 99)
    _ = try intake.store.append(segments[3].batch(1))
    #expect(try last() == -1)
    _ = try intake.store.append(segments[3].batch(40))
    #expect(try last() == 39)
    _ = try intake.store.append(segments[3].batch(.max))
    #expect(try last() == 99)
  }

  @Test func `silence is said after twenty measured steps and taken back when the block speaks`()
    throws
  {
    let intake = try Intake()
    var keeper = VerdictKeeper()
    var segment = ScriptedRun.segments[0]
    func silent() throws -> [Int?] {
      try keeper.update([1], in: intake.store)
      return try intake.store.findings(ofRun: 1).filter { $0.kind == .silentBlocks }
        .map(\.ordinal)
    }
    _ = try intake.store.append(segment.batch(2 + 19))
    #expect(try silent() == [])
    _ = try intake.store.append(segment.batch(1))
    #expect(try silent() == [3])
    let id = try intake.count("SELECT id FROM finding WHERE kind = 'silent_blocks'")
    _ = try intake.store.append(segment.batch(30))
    #expect(try silent() == [3])
    #expect(try intake.count("SELECT id FROM finding WHERE kind = 'silent_blocks'") == id)
    var frame = Frame(step: 60, wallTime: 1)
    frame.blocks = [BlockStatistics(ordinal: 3)]
    var speaking = JournalBatch(journal: segment.segment.journal, segment: 0, from: 520)
    speaking.records = [.frame(frame)]
    speaking.to = 530
    _ = try intake.store.append(speaking)
    #expect(try silent() == [])
    speaking = JournalBatch(journal: segment.segment.journal, segment: 0, from: 530)
    speaking.records = [.frame(Frame(step: 61, wallTime: 1))]
    speaking.to = 540
    _ = try intake.store.append(speaking)
    #expect(try silent() == [])
  }

  @Test func `records of a newer recorder are a finding with their number`() throws {
    let intake = try Intake()
    _ = try intake.take(try intake.write(try Fixtures.bytes("unknown-kind.rpj"), as: "a.rpj"))
    try VerdictUpdate.update([1], in: intake.store)
    let newer = try intake.store.findings(ofRun: 1).filter { $0.kind == .newerRecorder }
    #expect(newer == [NotedFinding(.newerRecorder, count: 1)])
  }

  @Test func `what comes while a run is judged leaves it due`() throws {
    let intake = try Intake()
    var segment = ScriptedRun.segments[0]
    _ = try intake.store.append(segment.batch(30))
    let mark = try intake.store.intakeMark(ofRun: 1)
    _ = try intake.store.append(segment.batch(1))
    try intake.store.write([], ofRun: 1, settings: "{}", asOf: mark)
    #expect(try intake.store.runsWithVerdictsDue() == [1])
    try intake.store.write(
      [], ofRun: 1, settings: "{}", asOf: try intake.store.intakeMark(ofRun: 1))
    #expect(try intake.store.runsWithVerdictsDue().isEmpty)
  }

  @Test func `journals that grow give the rows of whole ones, though an intake is killed`() throws {
    let expected = try whole()
    let intake = try Intake()
    let files = try ScriptedRun.segments.map { ($0.segment.fileName, try $0.bytes) }
    var keeper = VerdictKeeper()
    for part in 1...7 {
      for (name, bytes) in files {
        let path = try intake.write(Array(bytes.prefix(bytes.count * part / 7)), as: name)
        _ = try intake.take(path)
      }
      // Killed after the rows were committed and before they were judged.
      if part == 4 {
        keeper = VerdictKeeper()
        continue
      }
      try keeper.update(try intake.store.runsWithVerdictsDue(), in: intake.store)
    }
    #expect(try intake.kept() == expected)
  }
}
