import Foundation
import Support
import Testing

@Suite struct WrongUseTests {
  private func fixture(_ name: String) -> String {
    Fixtures.root.appending(path: "Tests/Support/Fixtures/\(name)").path
  }

  @Test func `wrong use is one line and exit code 2`() throws {
    let command = try Command()
    for arguments in [
      ["report", "--nonsense"], ["nonsense"], ["query"], ["query", "SELECT 1", "--format", "xml"],
      ["query", "SELECT 1", "--format", "csv", "--json"], ["report", "--run"],
    ] {
      let outcome = try command.shell(
        "\"$probe\" \(arguments.map { "'\($0)'" }.joined(separator: " "))")
      #expect(outcome.code == 2, "\(arguments)")
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("resnet-probe: ") && outcome.errors.hasSuffix("\n"))
      #expect(outcome.errors.count { $0 == "\n" } == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains("; `resnet-probe --help` shows how to use it"))
    }
  }

  @Test func `help and version are on standard output with exit code 0`() throws {
    let command = try Command()
    for verb in ["demo", "report", "runs", "ingest", "query", "schema"] {
      let outcome = try command(verb, "--help")
      #expect(outcome.code == 0 && outcome.errors.isEmpty)
      #expect(outcome.output.contains("USAGE: resnet-probe \(verb)"))
    }
    #expect(try command("--version").output == "0.1.0\n")
  }

  @Test func `an absent default store has no runs`() throws {
    let command = try Command()
    let report = try command("report")
    #expect(report.code == 3)
    #expect(
      report.errors
        == "resnet-probe: cannot read runs from \(command.store): there are none yet; `resnet-probe demo` records some\n"
    )
    let runs = try command("runs", "--json")
    #expect(runs.code == 0 && runs.output == "[]\n")
    #expect(!FileManager.default.fileExists(atPath: command.store))
  }

  @Test func `a store that cannot be read is one line and exit code 1`() throws {
    let command = try Command()
    let text = command.home.file("notes")
    try Data("some notes about networks".utf8).write(to: URL(filePath: text))
    let cases = [
      (command.home.file("none"), "there is no such file"), (command.home.path, "it is a folder"),
      (text, "it is not a SQLite database"),
    ]
    for (path, reason) in cases {
      for verb in [["report"], ["runs"], ["query", "SELECT 1"]] {
        let outcome = try command.shell(
          "\"$probe\" \(verb.map { "'\($0)'" }.joined(separator: " ")) --store '\(path)'")
        #expect(outcome.code == 1)
        #expect(
          outcome.errors.hasPrefix("resnet-probe: cannot read the store \(path): \(reason); "))
        #expect(outcome.errors.count { $0 == "\n" } == 1)
      }
    }
  }

  @Test func `an unknown run or view is exit code 3`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    let run = try command("report", "--run", "nobody\u{1b}[31m")
    #expect(run.code == 3)
    #expect(
      run.errors
        == "resnet-probe: cannot find run nobody\\x1b[31m: no run of \(command.store) has this number, uuid or name; `resnet-probe runs` lists them\n"
    )
    let view = try command("schema", "--view", "nothing")
    #expect(view.code == 3)
    #expect(
      view.errors.hasPrefix(
        "resnet-probe: cannot explain nothing: there is no such view or table; there are store, run, "
      ))
  }

  @Test func `SQL that writes is exit code 2 and changes nothing`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    let outcome = try command("query", "DELETE FROM frame")
    #expect(outcome.code == 2)
    #expect(
      outcome.errors
        == "resnet-probe: cannot run this SQL on \(command.store): it does more than read; the store is only read here: SELECT, EXPLAIN, WITH and PRAGMAs that ask\n"
    )
    #expect(
      try command("query", "SELECT count(*) AS n FROM frame", "--format", "csv").output == "n\n2\n")
  }

  @Test func `a full standard output is a failure`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    for verb in ["report", "schema", "runs", "query 'SELECT 1'", "--help"] {
      let outcome = try command.shell("\"$probe\" \(verb) > /dev/full")
      #expect(outcome.code == 1, "\(verb)")
      #expect(outcome.errors == "resnet-probe: cannot write the output: No space left on device\n")
    }
  }

  @Test func `journals that are wrong are named, and the right ones taken in`() throws {
    let command = try Command()
    let bad = command.home.file("bad.rpj")
    try Data("not a journal".utf8).write(to: URL(filePath: bad))
    let outcome = try command("ingest", bad, fixture("complete.rpj"))
    #expect(outcome.code == 1)
    #expect(
      outcome.errors
        == "resnet-probe: cannot take in \(bad): it does not begin with \"RPJ1\", so it is no resnet-probe journal\n"
    )
    #expect(outcome.output == "2 new frames from 1 segment in \(command.store)\n")
  }

  @Test func `a file-size limit while taking in loses nothing`() throws {
    let command = try Command()
    let journal = fixture("complete.rpj")
    let outcome = try command.shell("ulimit -f 40; \"$probe\" ingest '\(journal)'")
    #expect(outcome.code == 1)
    #expect(outcome.errors.hasPrefix("resnet-probe: cannot "), "\(outcome.errors)")
    #expect(outcome.errors.count { $0 == "\n" } == 1)
    let again = try command("ingest", journal)
    #expect(again.code == 0 && again.output.hasPrefix("2 new frames"))
    #expect(
      try command("query", "PRAGMA integrity_check", "--format", "csv").output
        == "integrity_check\nok\n")
  }

  @Test func `a store that another process writes is one line after a wait`() throws {
    let command = try Command()
    #expect(try command("ingest", fixture("complete.rpj")).code == 0)
    let report = try command.shell(
      "exec 9>'\(command.store).lock'; flock -x 9; \"$probe\" report --json 9>&- > /dev/null")
    #expect(report.code == 0 && report.errors.isEmpty)
  }
}
