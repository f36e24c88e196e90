import Foundation
import ProbeCore
import ProbeDaemon
import ProbeStore
import ProbeWire
import Support
import Testing

@Suite struct SpoolIngestTests {
  private let name = Golden.segment.fileName

  private func take(_ intake: Intake) throws -> SpoolIngest.Account {
    var spool = SpoolIngest(folder: intake.spool)
    return try spool.take(into: intake.store)
  }

  private func age(_ path: String, seconds: Double) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -seconds)], ofItemAtPath: path)
  }

  @Test func `a finished journal moves to delivered`() throws {
    let intake = try Intake()
    _ = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    let account = try take(intake)
    #expect(account.runs == [1] && account.segments.map(\.frames) == [2])
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `a journal whose recorder lives stays where it is`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    let file = open(path, O_RDWR)
    #expect(flock(file, LOCK_EX) == 0)
    try age(path, seconds: 3600)
    _ = try take(intake)
    #expect(try intake.names() == [name])
    close(file)
    _ = try take(intake)
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `a killed recorder's journal is awaited for a minute`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("cut.rpj"), as: name)
    _ = try take(intake)
    #expect(try intake.names() == [name])
    #expect(try intake.count("SELECT count(*) FROM frame") == 1)
    try age(path, seconds: 61)
    _ = try take(intake)
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `a segment with a successor is done with`() throws {
    let intake = try Intake()
    _ = try intake.write(try Fixtures.bytes("zero-filled.rpj"), as: name)
    let second = SegmentIdentity(journal: Golden.journal, segment: 1).fileName
    _ = try intake.write(try Fixtures.bytes("second-segment.rpj"), as: second)
    _ = try take(intake)
    #expect(try intake.names() == [second, "delivered/\(name)"].sorted())
    #expect(try intake.count("SELECT count(*) FROM frame") == 2)
  }

  @Test func `a damaged segment is set aside under a name that says so`() throws {
    let intake = try Intake()
    var bytes = try Fixtures.bytes("complete.rpj")
    bytes[500] ^= 1
    _ = try intake.write(bytes, as: name)
    let account = try take(intake)
    #expect(account.segments[0].isFailure)
    #expect(try intake.names() == ["\(name).damaged"])
    #expect(try take(intake).segments.isEmpty)
  }

  @Test func `a file whose name is another journal's is not taken in`() throws {
    let intake = try Intake()
    let other = SegmentIdentity(journal: Identity.random(), segment: 0).fileName
    _ = try intake.write(try Fixtures.bytes("complete.rpj"), as: other)
    #expect(
      try take(intake).segments[0].remarks == [
        "cannot take in \(intake.spool)/\(other): its name says \(other), its header \(name)"
      ])
    #expect(try intake.count("SELECT count(*) FROM run") == 0)
  }

  @Test func `symbolic links, folders and other files are passed over`() throws {
    let intake = try Intake()
    _ = try intake.write([1, 2, 3], as: "notes.txt")
    let target = intake.folder.file("target.rpj")
    try Data(try Fixtures.bytes("complete.rpj")).write(to: URL(filePath: target))
    try FileManager.default.createSymbolicLink(
      atPath: "\(intake.spool)/\(name)", withDestinationPath: target)
    #expect(SpoolListing(of: intake.spool).pending.isEmpty)
    #expect(SpoolListing(of: intake.folder.file("none")).pending.isEmpty)
  }

  @Test func `a store that lost everything gets it again from delivered`() throws {
    let intake = try Intake()
    _ = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    _ = try take(intake)
    let fresh = try Store.openForWriting(at: intake.folder.file("fresh.sqlite"))
    let account = try SegmentIngest(into: fresh).take("\(intake.spool)/delivered/\(name)")
    #expect(account.frames == 2)
  }

  @Test func `a kept intake looks only into what changed`() throws {
    let intake = try Intake()
    var spool = SpoolIngest(folder: intake.spool)
    let bytes = try Fixtures.bytes("complete.rpj")
    _ = try intake.write(Array(bytes.prefix(600)), as: name)
    #expect(try spool.take(into: intake.store).segments.map(\.frames) == [1])
    #expect(try spool.take(into: intake.store).segments.isEmpty)
    _ = try intake.write(bytes, as: name)
    #expect(try spool.take(into: intake.store).segments.map(\.frames) == [1])
    #expect(try intake.names() == ["delivered/\(name)"])
    #expect(try spool.take(into: intake.store).segments.isEmpty)
  }

  @Test func `verdict rows follow what was taken in`() throws {
    let intake = try Intake()
    _ = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    try VerdictUpdate.update(try take(intake).runs, in: intake.store)
    var query = try GuardedQuery(
      "SELECT b.name, verdict, missing FROM verdict JOIN block AS b ON b.id = block_id ORDER BY 1",
      onStoreAt: intake.store.path)
    #expect(
      try query.next()
        == [
          .text("layer1.0"), .text("undetermined"),
          .text("18 more records after warm-up and the last phase change (2 of 20)"),
        ])
    #expect(try query.next() == [.text("layer1.1"), .text("not_applicable"), .null])
  }
}

@Suite struct DeliveredIntakeTests {
  private let name = Golden.segment.fileName

  @Test func `an older copy of a store gets what came since from delivered`() throws {
    let intake = try Intake()
    let bytes = try Fixtures.bytes("complete.rpj")
    _ = try intake.write(Array(bytes.prefix(600)), as: name)
    var spool = SpoolIngest(folder: intake.spool)
    _ = try spool.take(into: intake.store)
    let copy = intake.folder.file("copy.sqlite")
    try intake.store.checkpoint()
    try FileManager.default.copyItem(atPath: intake.store.path, toPath: copy)
    _ = try intake.write(bytes, as: name)
    _ = try spool.take(into: intake.store)
    #expect(try intake.names() == ["delivered/\(name)"])
    let delivered = DeliveredIntake(folder: intake.spool)
    #expect(try delivered.take(into: intake.store).isEmpty)
    let restored = try Store.openForWriting(at: copy)
    #expect(try delivered.take(into: restored).map(\.frames) == [1])
    #expect(try delivered.take(into: restored).isEmpty)
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `what came before the damage of a segment comes again too`() throws {
    let intake = try Intake()
    var bytes = try Fixtures.bytes("complete.rpj")
    bytes[bytes.count - 1] ^= 1
    _ = try intake.write(bytes, as: name)
    var spool = SpoolIngest(folder: intake.spool)
    _ = try spool.take(into: intake.store)
    #expect(try intake.names() == ["\(name).damaged"])
    let fresh = try Store.openForWriting(at: intake.folder.file("fresh.sqlite"))
    #expect(try DeliveredIntake(folder: intake.spool).take(into: fresh).map(\.frames) == [2])
    #expect(try DeliveredIntake(folder: intake.spool).take(into: fresh).isEmpty)
  }

  @Test func `an end that was taken in before a kill moves the segment at once`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    #expect(try SegmentIngest(into: intake.store).take(path).isFinished)
    var spool = SpoolIngest(folder: intake.spool)
    _ = try spool.take(into: intake.store)
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `a bounded look takes what grows first, whatever waits behind it`() throws {
    let intake = try Intake()
    var living = try GoldenRun(steps: [0], finishes: false)
    _ = try intake.write(living.bytes, as: living.segment.fileName)
    var spool = SpoolIngest(folder: intake.spool)
    _ = try spool.take(into: intake.store, atMost: 1 << 19)
    for _ in 0..<5 {
      let run = try GoldenRun()
      let path = try intake.write(run.bytes, as: run.segment.fileName)
      var times = [timeval(tv_sec: 1_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000, tv_usec: 0)]
      #expect(utimes(path, &times) == 0)
    }
    try living.append(.frame(Golden.frame(step: 1, gap: 0.25)))
    _ = try intake.write(living.bytes, as: living.segment.fileName)
    let first = try spool.take(into: intake.store, atMost: 1 << 19)
    #expect(first.segments.count == 2)
    #expect(first.segments[0].path.hasSuffix(living.segment.fileName))
    #expect(first.segments[0].frames == 1)
    for _ in 0..<2 { _ = try spool.take(into: intake.store, atMost: 1 << 19) }
    #expect(try intake.count("SELECT count(*) FROM frame") == 2 + 5 * 2)
  }
}

@Suite struct OddSpoolTests {
  private let name = Golden.segment.fileName

  @Test(arguments: [10_000_000_000, Int.max >> 8, -10_000_000_000, 0])
  func `a file of any age is listed, and moves when it has ended`(seconds: Int) throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    var times = [timeval(tv_sec: seconds, tv_usec: 0), timeval(tv_sec: seconds, tv_usec: 0)]
    // What the file system cannot hold it clamps or refuses; both leave a file to be listed.
    _ = utimes(path, &times)
    #expect(SpoolListing(of: intake.spool).pending.count == 1)
    var spool = SpoolIngest(folder: intake.spool)
    #expect(try spool.take(into: intake.store).segments.map(\.frames) == [2])
    #expect(try intake.names() == ["delivered/\(name)"])
    #expect(try DeliveredIntake(folder: intake.spool).take(into: intake.store).isEmpty)
  }

  @Test func `where delivered is no folder the segment stays, and the account says why`() throws {
    let intake = try Intake()
    _ = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    try Data().write(to: URL(filePath: "\(intake.spool)/delivered"))
    var spool = SpoolIngest(folder: intake.spool)
    let account = try spool.take(into: intake.store)
    #expect(account.segments.map(\.frames) == [2])
    #expect(
      account.stuck
        == "cannot move \(intake.spool)/\(name) aside: \(intake.spool)/delivered is no folder")
    try FileManager.default.removeItem(atPath: "\(intake.spool)/delivered")
    #expect(try spool.take(into: intake.store).stuck == nil)
    #expect(try intake.names() == ["delivered/\(name)"])
  }

  @Test func `a segment that cannot be read is neither taken for damaged nor forgotten`() throws {
    let intake = try Intake()
    let path = try intake.write(try Fixtures.bytes("complete.rpj"), as: name)
    // Root reads whatever its mode: the path of a segment leads nowhere instead.
    let aside = intake.folder.file("aside")
    #expect(rename(path, aside) == 0)
    let taken = try SegmentIngest(into: intake.store).take(path)
    #expect(taken.end == .unreadable("No such file or directory") && taken.isFailure)
    #expect(taken.remarks == ["cannot take in \(path): No such file or directory"])
    #expect(rename(aside, path) == 0)
    var spool = SpoolIngest(folder: intake.spool)
    #expect(try spool.take(into: intake.store).segments.map(\.frames) == [2])
  }
}
