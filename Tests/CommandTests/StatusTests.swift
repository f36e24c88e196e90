import Foundation
import Support
import Testing

@Suite struct StatusTests {
  private func fixture(_ name: String) -> String {
    Fixtures.root.appending(path: "Tests/Support/Fixtures/\(name)").path
  }

  private func objects(_ text: String) throws -> [[String: Any]] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
  }

  @Test func `status tells what waits, who writes and which runs are stale, and changes nothing`()
    throws
  {
    let command = try Command()
    let none = try command("status")
    #expect(none.code == 0 && none.output.contains("not there yet"))
    #expect(try command("ingest", fixture("cut.rpj")).code == 0)
    try FileManager.default.createDirectory(
      atPath: command.spool, withIntermediateDirectories: true)
    let segment = "101112131415161718191a1b1c1d1e1f.1.rpj"
    try FileManager.default.copyItem(
      atPath: fixture("second-segment.rpj"), toPath: "\(command.spool)/\(segment)")
    try Data([1]).write(to: URL(filePath: "\(command.spool)/\(segment).damaged"))
    let status = try command.shell(
      "exec 9>'\(command.store).lock'; flock -x 9; \"$probe\" status --json 9>&-")
    let object = try #require(try objects(status.output).first)
    #expect(object["runs"] as? Int == 1 && object["stale"] as? Int == 1)
    #expect(object["pending_segments"] as? Int == 1 && object["unread_bytes"] as? Int == 550)
    #expect(object["damaged_segments"] as? Int == 1 && object["writer_process"] is Int)
    let text = try command("status").output
    #expect(text.contains("Run     1 golden stale at step 0, last heard of 2025-06-15 15:06:40Z"))
    #expect(text.contains("1 segment pending, 550 B unread"))
    #expect(
      try command(
        "query", "SELECT count(*) AS n FROM frame", "--spool", command.home.path, "--format", "csv"
      ).output == "n\n1\n")
  }

  @Test func `runs can be narrowed to a project, a state and a time`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    for (arguments, count) in [
      ([], 1), (["--project", "tests"], 1), (["--project", "others"], 0),
      (["--status", "completed"], 1), (["--status", "stale"], 0), (["--since", "2025-06-15"], 1),
      (["--since", "12h"], 0),
    ] as [([String], Int)] {
      let outcome = try command.shell("\"$probe\" runs --json \(arguments.joined(separator: " "))")
      #expect(try objects(outcome.output).count == count, "\(arguments)")
    }
    let wrong = try command("runs", "--since", "soon")
    #expect(wrong.code == 2 && wrong.errors.hasPrefix("resnet-probe: The value 'soon' is invalid"))
  }

  @Test func `doctor finds a sound store sound`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    let outcome = try command("doctor", "--json")
    #expect(outcome.code == 0, "\(outcome.output)")
    let states = try objects(outcome.output).filter { $0["check"] as? String != "disk" }
    #expect(
      states.contains { $0["check"] as? String == "integrity" && $0["state"] as? String == "ok" })
    #expect(states.allSatisfy { $0["state"] as? String != "wrong" })
  }

  @Test func `doctor says what is wrong and what to do`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    #expect(try command.shell("chmod 644 '\(command.store)'").code == 0)
    let open = try command("doctor")
    #expect(open.code == 0)
    #expect(
      open.output.contains(
        "warning  permissions   others can read or write the store; chmod 600 keeps it to its owner"
      ))
    try Data("no folder".utf8).write(to: URL(filePath: command.home.file("spool")))
    let wrong = try command(
      "doctor", "--spool", command.home.file("spool"),
      environment: ["RESNET_PROBE_SPOOL_LIMIT": "2GB", "RESNET_PROBE_RUN_ID": "mine"])
    #expect(wrong.code == 1)
    #expect(
      wrong.output.contains(
        "is no folder, so recorders refuse it; set RESNET_PROBE_SPOOL to a folder of your own"))
    #expect(wrong.output.contains("RESNET_PROBE_SPOOL_LIMIT is 2GB, no number of bytes"))
    #expect(
      wrong.output.contains("RESNET_PROBE_RUN_ID is no identity, so recorders refuse to open"))
  }

  @Test func `doctor finds a damaged store`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    let file = try FileHandle(forUpdating: URL(filePath: command.store))
    // Past the header and the schema's first page: rows and indexes.
    for page in 1..<20 {
      try file.seek(toOffset: UInt64(page) * 8192 + 8)
      try file.write(contentsOf: Data(repeating: 0xA5, count: 64))
    }
    try file.close()
    let outcome = try command("doctor")
    #expect(outcome.code == 1)
    #expect(outcome.output.contains("\nwrong    "), "\(outcome.output)")
  }
}
