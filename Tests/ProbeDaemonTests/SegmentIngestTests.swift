import Foundation
import ProbeCore
import ProbeDaemon
import ProbeStore
import ProbeWire
import Support
import Testing

/// A store and a folder of journals, as an intake meets them.
struct Intake {
  let folder: TemporaryFolder
  let store: Store
  let spool: String

  init() throws {
    folder = try TemporaryFolder()
    spool = folder.file("spool")
    try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
    store = try Store.openForWriting(at: folder.file("probe.sqlite"))
  }

  /// Writes a file into the spool; returns its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: "\(spool)/\(name)"))
    return "\(spool)/\(name)"
  }

  func take(_ path: String) throws -> SegmentAccount { try SegmentIngest(into: store).take(path) }

  func names() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: spool).filter { $0 != "delivered" }.sorted()
  }

  func count(_ sql: String) throws -> Int64 {
    var query = try GuardedQuery(sql, onStoreAt: store.path)
    guard case .integer(let value)? = try query.next()?.first else { return -1 }
    return value
  }

  /// Every frame that is in the store, as text, in order.
  func dump() throws -> [[Cell]] {
    var query = try GuardedQuery(
      "SELECT * FROM block_statistics ORDER BY step, block_id", onStoreAt: store.path)
    var rows: [[Cell]] = []
    while let row = try query.next() { rows.append(row) }
    return rows
  }
}

@Suite struct SegmentIngestTests {
  @Test func `a whole journal is in the store after one call and unchanged by a second`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("complete.rpj"), as: "a.rpj")
    let first = try intake.take(path)
    #expect(first.frames == 2 && first.isFinished && first.end == .whole && first.remarks.isEmpty)
    let rows = try intake.dump()
    let second = try intake.take(path)
    #expect(second.frames == 0 && second.offset == first.offset)
    #expect(try intake.dump() == rows && rows.count == 4)
  }

  @Test func `a journal that grows is taken in from where it was`() throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    let whole = try Intake()
    _ = try whole.take(try whole.write(bytes, as: "a.rpj"))
    let growing = try Intake()
    for length in stride(from: 1, through: bytes.count, by: 1) {
      _ = try growing.take(try growing.write(Array(bytes.prefix(length)), as: "a.rpj"))
    }
    #expect(try growing.dump() == whole.dump())
    #expect(try growing.count("SELECT count(*) FROM frame") == 2)
    #expect(try growing.count("SELECT rejected_records FROM journal") == 0)
    #expect(try growing.store.run(1)?.status == .completed)
  }

  @Test func `a second segment before the first makes no difference`() throws {
    let forward = try Intake()
    let backward = try Intake()
    let files = try ["cut.rpj", "second-segment.rpj"].map { ($0, try Fixtures.bytes($0)) }
    for (name, bytes) in files { _ = try forward.take(try forward.write(bytes, as: name)) }
    for (name, bytes) in files.reversed() {
      _ = try backward.take(try backward.write(bytes, as: name))
    }
    #expect(try forward.dump() == backward.dump())
    #expect(try forward.count("SELECT count(*) FROM frame") == 2)
  }

  @Test func `each wrong file gets its own line`() throws {
    let intake = try Intake()
    var damaged = try Fixtures.bytes("complete.rpj")
    damaged[500] ^= 0x10
    let cases: [(String, [UInt8], String)] = [
      ("empty", [], "cannot take in PATH: it is empty"),
      (
        "foreign", Array("hello, I am no journal".utf8),
        "cannot take in PATH: it does not begin with \"RPJ1\", so it is no resnet-probe journal"
      ),
      (
        "newer", Array("RPJ2".utf8) + [UInt8](repeating: 0, count: 20),
        "cannot take in PATH: it is a journal of format 2; this version reads format 1"
      ),
      ("short", Array("RPJ1".utf8), "cannot take in PATH: it ends before its header does"),
      (
        "zeros", try Fixtures.bytes("zero-filled.rpj"),
        "PATH: ends with 64 zero bytes from byte 546 on, as a crashed machine leaves them"
      ),
      (
        "cut", try Fixtures.bytes("cut.rpj"),
        "PATH: ends in the middle of a record, as a killed or a running recorder leaves it; 100 bytes from byte 546 on wait"
      ),
    ]
    for (name, bytes, words) in cases {
      let path = try intake.write(bytes, as: name)
      #expect(try intake.take(path).remarks == [words.replacing("PATH", with: path)])
    }
    let own = try Intake()
    let path = try own.write(damaged, as: "damaged")
    #expect(
      try own.take(path).remarks == [
        "\(path): damaged at byte 234: a record's checksum does not match its bytes; what comes before is in the store, what comes after cannot be read"
      ])
    #expect(try own.store.run(1)?.damagedSegments == 1)
    let folder = try own.take(own.spool)
    #expect(
      folder.remarks == ["cannot take in \(own.spool): it is a folder; name the journals in it"])
    #expect(
      try own.take("\(own.spool)/none").remarks
        == ["cannot take in \(own.spool)/none: No such file or directory"])
  }

  @Test func `a record that contradicts the block map is passed over and counted`() throws {
    let intake = try Intake()
    var stray = Golden.frame(step: 5, gap: 0.5)
    stray.blocks[1].ordinal = 7
    var bytes = Journal.header(of: Golden.segment)
    for record in [
      Record.runOpened(Golden.opened), .blockMap(Golden.blocks), .frame(stray),
      .frame(Golden.frame(step: 6, gap: 0.5)),
    ] {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: Golden.segment))
    }
    let path = try intake.write(bytes, as: "a.rpj")
    #expect(
      try intake.take(path).remarks == [
        "\(path): passed over 1 record: step 5: block 7 of a map of 2"
      ])
    #expect(try intake.count("SELECT count(*) FROM frame") == 1)
    #expect(try intake.store.run(1)?.rejectedRecords == 1)
  }

  @Test func `an unknown record is passed over and counted`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("unknown-kind.rpj"), as: "a.rpj")
    #expect(
      try intake.take(path).remarks == [
        "\(path): passed over 1 record: a record of a kind that this version does not know"
      ])
    #expect(try intake.count("SELECT count(*) FROM frame") == 1)
  }

  @Test func `no flipped bit makes a wrong row`() throws {
    let bytes = try Fixtures.bytes("second-segment.rpj")
    let whole = try Intake()
    _ = try whole.take(try whole.write(bytes, as: "a.rpj"))
    let rows = try whole.dump()
    let intake = try Intake()
    for place in stride(from: 0, to: bytes.count, by: 3) {
      var flipped = bytes
      flipped[place] ^= 1 << UInt8(place % 8)
      let account = try intake.take(try intake.write(flipped, as: "a.rpj"))
      #expect(account.end != .whole || !account.rejections.isEmpty, "byte \(place)")
    }
    let found = try intake.dump()
    #expect(found.isEmpty || found == rows)
  }
}
