import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct ServeTests {
  @Test func `a daemon says when it is ready, and ends on SIGTERM with nothing left behind`() throws
  {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    let health = try daemon.request("GET", "/v1/health")
    #expect(health.status == 200 && health.member("status") as? String == "ok")
    #expect(health.member("process") as? Int == Int(daemon.process.processIdentifier))
    #expect(health.member("spool") as? String == command.spool)
    let run = try GoldenRun()
    #expect(try daemon.request("POST", run.target(from: 0), body: run.bytes).status == 200)
    #expect(daemon.stop() == 0)
    let files = try FileManager.default.subpathsOfDirectory(atPath: command.home.file("data"))
    #expect(!files.contains { $0.hasSuffix("/socket") || $0.hasSuffix("-wal") }, "\(files)")
    #expect(try daemon.logged().contains("info stopping\n"))
    #expect(
      try command("query", "SELECT count(*) FROM frame", "--format", "csv").output.hasSuffix(
        "\n2\n"))
  }

  @Test func `SIGINT ends it too, and it logs JSON where it is told to`() throws {
    let daemon = try RunningDaemon(try Command(), ["--log-format", "json", "--log-level", "debug"])
    #expect(daemon.stop(SIGINT) == 0)
    let lines = try daemon.logged().split(separator: "\n")
    #expect(lines.count >= 3)
    for line in lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(
        object?["time"] is Double && object?["level"] is String && object?["message"] is String)
    }
  }

  @Test func `a journal in the spool is followed while it grows, and moves when it has ended`()
    throws
  {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    var run = try GoldenRun(steps: [0], finishes: false)
    let path = "\(command.spool)/\(run.segment.fileName)"
    try Data(run.bytes).write(to: URL(filePath: path))
    #expect(try daemon.frames(of: run.run.description, until: 1) == 1)
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    for step in 1...3 {
      let known = run.bytes.count
      try run.append(.frame(Golden.frame(step: step, gap: 0.25)))
      try file.seekToEnd()
      try file.write(contentsOf: Data(run.bytes[known...]))
      #expect(try daemon.frames(of: run.run.description, until: step + 1) == step + 1)
    }
    let known = run.bytes.count
    try run.append(
      .attemptFinished(.init(status: .completed, finishedAt: 1.75e9, lastStep: 3, droppedFrames: 0))
    )
    try file.write(contentsOf: Data(run.bytes[known...]))
    try file.close()
    let delivered = "\(command.spool)/delivered/\(run.segment.fileName)"
    let end = Date(timeIntervalSinceNow: 60)
    while !FileManager.default.fileExists(atPath: delivered), Date() < end {
      _ = try daemon.request("GET", "/v1/health")
    }
    #expect(FileManager.default.fileExists(atPath: delivered))
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `the demo uses a running daemon, and a reader sees all that was recorded`() throws {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    let demo = try command("demo")
    #expect(demo.code == 0 && !demo.errors.contains("another process"), "\(demo.errors)")
    #expect(
      demo.output.contains("3 of 16 blocks behave as the identity: blocks.3, blocks.7, blocks.11"))
    // Judged when intake pauses: from then on nothing changes any more.
    let end = Date(timeIntervalSinceNow: 60)
    var due = ""
    while !due.hasSuffix("\n0\n"), Date() < end {
      due = try command(
        "query", "SELECT count(*) FROM run WHERE verdicts_due = 1", "--format", "csv"
      ).output
    }
    #expect(due.hasSuffix("\n0\n"))
    let report = try command("report", "--run", "residual-8", "--json")
    let served = try daemon.request("GET", "/v1/runs/residual%2D8/report")
    #expect(served.status == 200 && served.body == report.output && report.errors.isEmpty)
    #expect(try daemon.request("GET", "/v1/runs").body == command("runs", "--json").output)
    let series = try daemon.request(
      "GET", "/v1/runs/6/blocks/3/series?statistics=identity_gap_p50,samples&from=590&limit=1")
    #expect(
      series.body == """
        {"run": 6, "ordinal": 3, "block": "blocks.3", "next": 595, "records": [
          {"step": 590, "identity_gap_p50": 0.0, "samples": 64}
        ]
        }

        """)
    let doctor = try command("doctor")
    #expect(doctor.code == 0 && doctor.output.contains("listens at \(daemon.socket)"))
    let status = try command("status")
    #expect(status.output.contains("Daemon  process \(daemon.process.processIdentifier) since "))
    #expect(status.output.contains("726 new frames, the last at "), "\(status.output)")
  }

  @Test func `of two daemons one serves and the other names it, whatever they have in common`()
    throws
  {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    let second = try command("serve")
    #expect(second.code == 1)
    #expect(
      second.errors
        == "resnet-probe: cannot listen at \(daemon.socket): another daemon (process \(daemon.process.processIdentifier)) listens there; stop that one, or name another place with --socket\n"
    )
    let third = try command("serve", "--socket", command.home.file("other"))
    #expect(third.code == 1)
    #expect(
      third.errors.hasPrefix(
        "resnet-probe: cannot serve \(command.spool): another process (\(daemon.process.processIdentifier)) takes journals in there; "
      ), "\(third.errors)")
    #expect(try daemon.request("GET", "/v1/health").status == 200)
  }

  @Test func `a dead daemon's socket is taken over`() throws {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    _ = daemon.stop(SIGKILL)
    #expect(FileManager.default.fileExists(atPath: daemon.socket))
    let next = try RunningDaemon(command)
    #expect(try next.request("GET", "/v1/health").status == 200)
  }

  @Test func `a body in flight is answered before the daemon ends`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    let connection = try daemon.connect()
    let idle = try daemon.connect()
    connection.sendHead("POST", run.target(from: 0), length: run.bytes.count)
    connection.send(run.bytes.prefix(500))
    // The daemon has the head before it is told to stop once it counts the body.
    let end = Date(timeIntervalSinceNow: 60)
    while Date() < end {
      let used = try daemon.request("GET", "/v1/health").member("bodies_bytes") as? Int
      if used == 500 { break }
    }
    kill(daemon.process.processIdentifier, SIGTERM)
    #expect(idle.isClosed())
    connection.send(run.bytes.dropFirst(500))
    let response = try #require(connection.response())
    #expect(response.status == 200 && response.member("offset") as? Int == run.bytes.count)
    daemon.process.waitUntilExit()
    #expect(daemon.process.terminationStatus == 0)
  }

  @Test
  func `a store that is deleted underneath ends the daemon, and what was delivered comes again`()
    throws
  {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    let run = try GoldenRun()
    try Data(run.bytes).write(to: URL(filePath: "\(command.spool)/\(run.segment.fileName)"))
    #expect(try daemon.frames(of: run.run.description, until: 2) == 2)
    for suffix in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: command.store + suffix)
    }
    daemon.process.waitUntilExit()
    #expect(daemon.process.terminationStatus == 1)
    let log = try daemon.logged()
    #expect(
      log.contains(
        "resnet-probe: cannot write the store \(command.store): the file was deleted while it was open; "
      ), "\(log)")
    let next = try RunningDaemon(command)
    #expect(try next.frames(of: run.run.description, until: 2) == 2)
  }

  @Test func `what cannot be served is refused in one line`() throws {
    let command = try Command()
    try Data("text".utf8).write(to: URL(filePath: command.home.file("text")))
    let long = String(repeating: "x", count: 120)
    for (arguments, words) in [
      (["--socket", command.home.file("text")], "there is something else than a socket"),
      (["--socket", "/tmp/\(long)"], "a socket's path has at most 107 bytes"),
      (["--socket", "/nowhere/socket"], "No such file or directory"),
      (["--store", command.home.file("text")], "it is not a SQLite database"),
      (["--store", "/nowhere/probe.sqlite"], "there is no folder /nowhere"),
      (
        ["--group", "no such group", "--socket", command.home.file("s")],
        "there is no group no such group"
      ),
      (["--group", "root"], "--group needs --socket"),
      (["--spool", "/nowhere/spool"], "cannot follow /nowhere/spool: there is no such folder"),
      (["--log-level", "loud"], "The value 'loud' is invalid"),
      (["--log-format", "xml"], "The value 'xml' is invalid"),
      (["--port", "80"], "Unknown option '--port'"),
    ] {
      let outcome = try command.shell(
        "\"$probe\" serve \(arguments.map { "'\($0)'" }.joined(separator: " "))")
      #expect(outcome.code != 0 && outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
    try FileManager.default.createDirectory(
      atPath: "\(command.store).run", withIntermediateDirectories: true)
    #expect(chmod("\(command.store).run", 0o755) == 0)
    #expect(
      try command("serve").errors.contains("probe.sqlite.run is no folder that only you can enter"))
  }
}

@Suite struct TwoWaysTests {
  @Test func `a segment that comes by the spool and over HTTP at once is taken in once, and whole`()
    throws
  {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    let connection = try daemon.connect()
    for _ in 0..<12 {
      let run = try GoldenRun(steps: Array(0..<600))
      // In one move, as a copy that is finished: the follower meets all of it at once.
      let path = command.home.file(run.segment.fileName)
      try Data(run.bytes).write(to: URL(filePath: path))
      #expect(rename(path, "\(command.spool)/\(run.segment.fileName)") == 0)
      for end in stride(from: 20_000, to: run.bytes.count, by: 20_000) {
        let response = connection.request(
          "POST", run.target(from: 0), body: Array(run.bytes[..<end]))
        #expect(response?.status == 200)
      }
      #expect(try daemon.frames(of: run.run.description, until: 600) == 600)
    }
  }
}

@Suite struct VisitedStoreTests {
  @Test func `visitors of the store leave a daemon its locks and its write-ahead log`() throws {
    let command = try Command()
    let daemon = try RunningDaemon(command)
    for round in 1...3 {
      let run = try GoldenRun()
      #expect(try daemon.request("POST", run.target(from: 0), body: run.bytes).status == 200)
      for target in ["/v1/runs", "/v1/runs/latest/report", "/v1/health"] {
        #expect(try daemon.request("GET", target).status == 200)
      }
      #expect(try command("runs").code == 0)
      let visit = try command.shell(
        "sqlite3 '\(command.store)' 'BEGIN IMMEDIATE; ROLLBACK; SELECT count(*) FROM run'")
      #expect(visit.output == "\(round)\n", "\(visit.errors)")
      #expect(FileManager.default.fileExists(atPath: command.store + "-wal"))
    }
    #expect(daemon.stop() == 0)
    #expect(
      try command("query", "SELECT count(*) FROM frame", "--format", "csv").output
        == "count(*)\n6\n")
  }
}

@Suite struct UnreadLogTests {
  @Test func `a log that nobody reads keeps neither the follower nor the end waiting`() throws {
    let command = try Command()
    let pipe = Pipe()
    let daemon = try RunningDaemon(
      command, ["--log-level", "debug"], log: pipe.fileHandleForWriting)
    // Each says on a line of its own that its end is awaited: far more than a pipe holds.
    let runs = try (0..<600).map { _ in try GoldenRun(steps: [0], finishes: false) }
    for run in runs {
      try Data(run.bytes.dropLast(10)).write(
        to: URL(filePath: "\(command.spool)/\(run.segment.fileName)"))
    }
    let last = try GoldenRun()
    try Data(last.bytes).write(to: URL(filePath: "\(command.spool)/\(last.segment.fileName)"))
    #expect(try daemon.frames(of: last.run.description, until: 2) == 2)
    #expect(daemon.stop() == 0)
    try pipe.fileHandleForWriting.close()
    let log = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(log.contains(" debug ") && log.utf8.count < 200_000)
  }
}
