import Foundation
import Glibc
import ProbeCore
import ProbeRecorder
import ProbeWire
import Testing

@Suite struct JournalFileTests {
  /// A step whose frame is about 1.2 MB: metrics with long keys.
  private func writeLargeFrame(_ recorder: Recorder, step: Int) {
    _ = recorder.begin(step: step)
    for number in 0..<4_096 {
      let key = "\(number)" + String(repeating: "k", count: 256 - "\(number)".count)
      recorder.log(key, Double(number))
    }
    recorder.end()
  }

  @Test func `a recorder holds a lock on its segment while it lives and frees it at its end`()
    throws
  {
    let temporary = TemporarySpool()
    let recorder = try Recorder(
      opening: RunDescription(name: "locked"), blocks: BlockMap([Block(ordinal: 0, name: "b")]),
      spool: temporary.spool())
    let file = open(temporary.path + "/" + temporary.segments[0], O_RDONLY)
    defer { close(file) }
    #expect(flock(file, LOCK_EX | LOCK_NB) != 0)
    recorder.finish(.completed)
    #expect(flock(file, LOCK_EX | LOCK_NB) == 0)
  }

  @Test func `segments rotate at 16 MiB and each can be read alone`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool())
    for step in 0..<32 { writeLargeFrame(recorder, step: step) }
    recorder.finish(.completed)
    #expect(spool.segments.count == 3)
    for (number, name) in spool.segments.enumerated() {
      #expect(SegmentIdentity(fileName: name)?.segment == number)
      #expect(spool.bytes(of: name).count <= Journal.maximumSegmentLength)
      let records = try spool.records(of: name)
      guard case .runOpened(let opened)? = records.first else { throw TemporarySpool.Unreadable() }
      #expect(opened.run == recorder.run)
      #expect(records[1] == .blockMap(residualBlocks(2)))
    }
    #expect(try spool.frames().map(\.step) == Array(0..<32))
  }

  @Test func `folders are made 0700 and files 0600`() throws {
    let outer = TemporarySpool()
    let path = outer.path + "/state/spool"
    _ = try openRecorder(Spool(path: path))
    let manager = FileManager.default
    func mode(_ path: String) throws -> Int? {
      try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(try mode(path) == 0o700)
    #expect(try mode(outer.path) == 0o700)
    let file = try #require(try manager.contentsOfDirectory(atPath: path).first)
    #expect(try mode(path + "/" + file) == 0o600)
  }

  @Test func `delivered files go oldest first once the spool is over its limit`() throws {
    let spool = TemporarySpool()
    let delivered = spool.path + "/delivered"
    try FileManager.default.createDirectory(
      atPath: delivered, withIntermediateDirectories: true)
    for (name, age) in [("old", 300.0), ("middle", 200), ("new", 100)] {
      let file = delivered + "/\(name).rpj"
      try Data(count: 1 << 20).write(to: URL(filePath: file))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: file)
    }
    let recorder = try openRecorder(spool.spool(limit: 4 << 20))
    writeLargeFrame(recorder, step: 0)
    writeLargeFrame(recorder, step: 1)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: delivered).sorted() == ["new.rpj"])
    #expect(recorder.counts.framesWritten == 2)
  }

  @Test func `a full spool drops frames, says so once, and goes on when there is room`() throws {
    let spool = TemporarySpool()
    let said = Said()
    let recorder = try openRecorder(spool.spool(limit: 3 << 20), said: said)
    for step in 0..<5 { writeLargeFrame(recorder, step: step) }
    #expect(recorder.counts.framesWritten == 2 && recorder.counts.framesDropped == 3)
    #expect(
      said.lines == [
        "resnet-probe: the spool is at its limit and nothing in it is delivered: frames are dropped; raise RESNET_PROBE_SPOOL_LIMIT or start the daemon"
      ])
    _ = recorder.begin(step: 5)
    recorder.end()
    let frames = try spool.frames()
    #expect(frames.map(\.step) == [0, 1, 5])
    #expect(frames.map(\.droppedFrames) == [0, 0, 3])
    recorder.finish(.completed)
    guard case .attemptFinished(let end)? = try spool.records().last else {
      throw TemporarySpool.Unreadable()
    }
    #expect(end.droppedFrames == 3)
  }

  @Test func `a spool without any room opens all the same and its end is written`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool(limit: 10))
    #expect(spool.segments.isEmpty)
    _ = recorder.begin(step: 0)
    recorder.end()
    #expect(recorder.counts.framesDropped == 1)
    recorder.finish(.completed)
    #expect(try spool.records().count == 3)
  }

  @Test func `a file size limit makes shorter segments, and no signal ends the process`() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      limit.rlim_cur = 4_096
      // What a shell or a test runner may have turned off.
      signal(SIGXFSZ, SIG_DFL)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let spool = TemporarySpool()
      let said = Said()
      let recorder = try openRecorder(spool.spool(), said: said)
      for step in 0..<40 {
        _ = recorder.begin(step: step)
        recorder.measure(block: 0, smallTensors())
        if step == 20 { for key in 0..<600 { recorder.log("metric \(key)", 1) } }
        recorder.end()
      }
      recorder.finish(.completed)
      #expect(spool.segments.count > 1)
      #expect(spool.segments.allSatisfy { spool.bytes(of: $0).count <= 4_096 })
      let frames = try spool.frames()
      #expect(frames.map(\.step) == (0..<40).filter { $0 != 20 })
      #expect(frames.first { $0.step == 21 }?.droppedFrames == 1)
      #expect(
        said.lines == [
          "resnet-probe: there is no room for the journal: frames are dropped; free disk space or raise the file size limit"
        ])
    }
  }

  @Test func `a spool that is a symbolic link is refused`() throws {
    let spool = TemporarySpool()
    let real = TemporarySpool()
    try FileManager.default.createDirectory(
      atPath: real.path, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: spool.path, withDestinationPath: real.path)
    let error = #expect(throws: RecorderError.self) { try openRecorder(spool.spool()) }
    #expect(
      error?.description
        == "cannot open the spool \(spool.path): it is a symbolic link; set RESNET_PROBE_SPOOL to a folder of your own"
    )
    #expect(real.segments.isEmpty)
  }

  @Test func `a spool that cannot be made is refused with what to do`() throws {
    let error = #expect(throws: RecorderError.self) {
      try openRecorder(Spool(path: "/dev/null/spool"))
    }
    #expect(
      error?.description
        == "cannot open the spool /dev/null/spool: Not a directory; set RESNET_PROBE_SPOOL to a folder of your own"
    )
  }

  @Test func `a journal whose file was removed goes on in the next segment`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool())
    _ = recorder.begin(step: 0)
    recorder.end()
    try FileManager.default.removeItem(atPath: spool.path + "/" + spool.segments[0])
    _ = recorder.begin(step: 1)
    recorder.end()
    #expect(spool.segments.map { SegmentIdentity(fileName: $0)?.segment } == [1])
    #expect(try spool.frames().map(\.step) == [1])
  }

  @Test func `links and folders in delivered are left alone`() throws {
    let spool = TemporarySpool()
    let victim = TemporarySpool()
    try FileManager.default.createDirectory(atPath: victim.path, withIntermediateDirectories: true)
    try Data(count: 100).write(to: URL(filePath: victim.path + "/a.rpj"))
    try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: spool.path + "/delivered", withDestinationPath: victim.path)
    _ = try openRecorder(spool.spool(limit: 0))
    #expect(FileManager.default.fileExists(atPath: victim.path + "/a.rpj"))
  }
}
