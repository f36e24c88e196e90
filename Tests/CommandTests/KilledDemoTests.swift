import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct KilledDemoTests {
  /// The steps of every frame that a journal's file holds whole, by run.
  private func steps(of file: URL) throws -> (run: Identity, steps: [Int])? {
    var reader = SegmentReader()
    reader.append(Array(try Data(contentsOf: file)))
    var segment: SegmentIdentity?
    var run: Identity?
    var steps: [Int] = []
    while true {
      switch reader.next() {
      case .needsMore: return run.map { ($0, steps) }
      case .damaged(let damage):
        throw CocoaError(.fileReadCorruptFile, userInfo: ["damage": "\(damage)"])
      case .opened(let found): segment = found
      case .record(let payload):
        switch try RecordCodec.decode(payload, in: segment!) {
        case .runOpened(let opened)?: run = opened.run
        case .frame(let frame)?: steps.append(frame.step)
        default: break
        }
      }
    }
  }

  private func journals(_ spool: String) -> [URL] {
    ["", "delivered"].flatMap { folder in
      let url = URL(filePath: spool).appending(path: folder)
      let files = try? FileManager.default.contentsOfDirectory(
        at: url, includingPropertiesForKeys: nil)
      return (files ?? []).filter { $0.pathExtension == "rpj" }
    }
  }

  @Test func `a demo killed in the middle leaves every ended step in the report, none twice`()
    throws
  {
    let command = try Command()
    for round in 0..<4 {
      let demo = command.process(Command.program.path, ["demo"])
      demo.standardOutput = FileHandle.nullDevice
      demo.standardError = FileHandle.nullDevice
      let before = bytes(in: command)
      try demo.run()
      // Killed once it has written some more: at another place in each round.
      while demo.isRunning, bytes(in: command) < before + 40_000 + 170_000 * round { sched_yield() }
      kill(demo.processIdentifier, SIGKILL)
      demo.waitUntilExit()

      let report = try command("report", "--run", "latest")
      #expect(report.code == 0, "\(report.errors)")
      var expected: [String] = []
      for file in journals(command.spool) {
        guard let (run, steps) = try steps(of: file) else { continue }
        #expect(steps == (0..<steps.count).map { min($0 * 5, 599) })
        expected += steps.map { "\(run),\($0)" }
      }
      let stored = try command(
        "query", "SELECT r.uuid, f.step FROM frame AS f JOIN run AS r ON r.id = f.run_id",
        "--format", "csv")
      let rows = stored.output.split(separator: "\n").dropFirst().map(String.init)
      #expect(rows.sorted() == expected.sorted())
      #expect(Set(rows).count == rows.count && !rows.isEmpty)
      #expect(
        try command("query", "PRAGMA integrity_check", "--format", "csv").output
          == "integrity_check\nok\n")
    }
  }

  private func bytes(in command: Command) -> Int {
    journals(command.spool).reduce(0) {
      $0 + ((try? $1.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0)
    }
  }
}
