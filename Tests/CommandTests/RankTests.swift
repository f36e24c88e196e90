import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

/// A run of four ranks of which not all sent all: what the report says of them.
@Suite struct RankTests {
  private let command: Command
  private let run = Identity.random()

  init() throws { command = try Command() }

  /// Takes in one rank's journal; a step takes a second.
  private func send(
    rank: Int, _ steps: Range<Int>, of attempt: Identity, from firstStep: Int = 0,
    ending status: AttemptFinished.Status? = .completed
  ) throws {
    let segment = SegmentIdentity(journal: .random(), segment: 0)
    var opened = Golden.opened
    opened.run = run
    opened.attempt = attempt
    opened.rank = rank
    opened.worldSize = 4
    opened.firstStep = firstStep
    opened.startedAt = 1.75e9 + Double(firstStep)
    var records: [ProbeCore.Record] = [.runOpened(opened), .blockMap(Golden.blocks)]
    records += steps.map { .frame(Golden.frame(step: $0, gap: 0.25)) }
    if let status {
      records.append(
        .attemptFinished(
          AttemptFinished(
            status: status, finishedAt: 1.76e9, lastStep: steps.upperBound - 1, droppedFrames: 0)))
    }
    var bytes = Journal.header(of: segment)
    for record in records {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: segment))
    }
    let path = command.home.file(segment.fileName)
    try Data(bytes).write(to: URL(filePath: path))
    let outcome = try command("ingest", path)
    #expect(outcome.code == 0, "\(outcome.errors)")
  }

  /// What the report says of ranks, by kind.
  private func findings() throws -> [String: String] {
    let report = try JSONSerialization.jsonObject(
      with: Data(try command("report", "--json").output.utf8))
    let findings = try #require((report as? [String: Any])?["findings"] as? [[String: String]])
    let pairs = findings.map { ($0["kind"] ?? "", $0["words"] ?? "") }
    return Dictionary(uniqueKeysWithValues: pairs).filter { $0.key.hasSuffix("_ranks") }
  }

  @Test func `a rank that never sent anything is named`() throws {
    let attempt = Identity.random()
    for rank in [0, 1, 3] { try send(rank: rank, 0..<100, of: attempt) }
    #expect(try findings() == ["missing_ranks": "1 of 4 ranks sent nothing: rank 2."])
  }

  @Test func `a rank whose journal ended early is named with the step`() throws {
    let attempt = Identity.random()
    for rank in [0, 1, 3] { try send(rank: rank, 0..<101, of: attempt) }
    try send(rank: 2, 0..<41, of: attempt, ending: nil)
    let words =
      "Nothing came from rank 2 after step 40 of 100: statistics after that are of 3 of 4 ranks."
    #expect(try findings() == ["stopped_ranks": words])
    let text = try command("report").output
    #expect(text.split { $0.isWhitespace }.joined(separator: " ").contains(words), "\(text)")
  }

  @Test func `ranks that stopped apart, and one that only began, are told in order`() throws {
    let attempt = Identity.random()
    try send(rank: 0, 0..<101, of: attempt)
    try send(rank: 1, 0..<100, of: attempt)
    try send(rank: 2, 0..<41, of: attempt, ending: nil)
    try send(rank: 3, 0..<0, of: attempt, ending: nil)
    #expect(
      try findings() == [
        "stopped_ranks":
          "Nothing came from rank 3 but a beginning, rank 2 after step 40 of 100, "
          + "rank 1 after step 99 of 100: statistics after that are of 1 of 4 ranks."
      ])
  }

  @Test func `what a start lacked that a later one has taken the place of is not told`() throws {
    let (first, second) = (Identity.random(), Identity.random())
    for rank in [0, 1] { try send(rank: rank, 0..<80, of: first, ending: nil) }
    try send(rank: 2, 0..<41, of: first, ending: nil)
    #expect(try findings().keys.sorted() == ["missing_ranks"])
    for rank in 0..<4 { try send(rank: rank, 40..<101, of: second, from: 40) }
    #expect(try findings() == [:])
  }

  @Test(arguments: [nil, AttemptFinished.Status.failed])
  func `of a run that lasts or failed a rank may be a minute behind`(
    status: AttemptFinished.Status?
  ) throws {
    let attempt = Identity.random()
    for rank in [0, 1, 3] { try send(rank: rank, 0..<100, of: attempt, ending: status) }
    // Steps 39 to 99 at rank 0: sixty seconds.
    try send(rank: 2, 0..<39, of: attempt, ending: nil)
    #expect(try findings() == [:])
  }

  @Test func `a rank that has long been silent is named while the run lasts`() throws {
    let attempt = Identity.random()
    for rank in [0, 1, 3] { try send(rank: rank, 0..<200, of: attempt, ending: nil) }
    try send(rank: 2, 0..<41, of: attempt, ending: nil)
    #expect(
      try findings() == [
        "stopped_ranks":
          "Nothing came from rank 2 after step 40 of 199: statistics after that are of 3 of 4 ranks."
      ])
  }
}
