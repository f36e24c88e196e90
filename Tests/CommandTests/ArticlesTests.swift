import Foundation
import Support
import Testing

/// Whether the articles say what the built program says.
@Suite struct ArticlesTests {
  private func article(_ name: String) throws -> String {
    let path = "Sources/resnet-probe/ResnetProbe.docc/\(name).md"
    return try String(contentsOf: Fixtures.root.appending(path: path), encoding: .utf8)
  }

  /// A section of Commands.md, and what holds for every verb.
  private func section(_ verb: String, of text: String) throws -> (own: String, shared: String) {
    let sections = text.components(separatedBy: "\n## ")
    let own = try #require(sections.first { $0.hasPrefix("\(verb)\n") }, "\(verb)")
    let overview = try #require(sections.first { $0.hasPrefix("Overview\n") })
    return (own, overview)
  }

  /// A text with one space between its words.
  private func joined(_ text: String) -> String {
    text.split { $0.isWhitespace }.joined(separator: " ")
  }

  @Test func `Commands.md shows every verb, its usage and its options as --help does`() throws {
    let command = try Command()
    let text = try article("Commands")
    let help = try command("--help").output
    let verbs = help.components(separatedBy: "SUBCOMMANDS:\n")[1].split(separator: "\n")
      .compactMap { $0.prefixMatch(of: #/ {2}([a-z-]+) {2,}/#).map { String($0.1) } }
    #expect(verbs.count >= 6)
    for verb in verbs + ["token new"] {
      let help = try command.shell("\"$probe\" \(verb) --help").output
      let (own, shared) = try section(String(verb.split(separator: " ")[0]), of: text)
      let usage = try #require(help.components(separatedBy: "USAGE: ").last)
        .components(separatedBy: "\n\n")[0]
      #expect(joined(own).contains(joined(usage)), "\(usage)")
      let options = help.split(separator: "\n").compactMap {
        $0.prefixMatch(of: #/ {2}(?:-\w, )?(--[a-z-]+)/#).map { String($0.1) }
      }
      #expect(options.contains("--help"))
      for option in options {
        let isNamed = "\(own)\(shared)".contains("`\(option)") || own.contains("`\(option) ")
        #expect(isNamed, "\(verb) \(option)")
      }
    }
  }

  @Test func `Commands.md names every format of query`() throws {
    let help = try Command()("query", "--help").output
    let values = try #require(help.firstMatch(of: #/values: ([a-z,\s]+)\)/#)).1
    let own = try section("query", of: try article("Commands")).own
    for value in values.split(whereSeparator: { !$0.isLetter }) {
      #expect(own.contains("\n| `\(value)`"), "\(value)")
    }
  }

  @Test func `ReportJSON.md names every key of a report`() throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    let report = try JSONSerialization.jsonObject(
      with: Data(try command("report", "--json").output.utf8))
    var keys: Set<String> = []
    func visit(_ value: Any) {
      if let object = value as? [String: Any] {
        keys.formUnion(object.keys)
        object.values.forEach(visit)
      } else if let list = value as? [Any] {
        list.forEach(visit)
      }
    }
    visit(report)
    #expect(keys.count > 70)
    let spans = try article("ReportJSON").matches(of: #/`([^`\n]+)`/#).map(\.1)
    let words = Set(spans.flatMap { $0.matches(of: #/\w+/#).map { String($0.0) } })
    #expect(keys.subtracting(words) == [])
  }

  @Test(arguments: ["runs", "status", "doctor"])
  func `Commands.md names every key of a list in JSON`(verb: String) throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    let list = try JSONSerialization.jsonObject(
      with: Data(try command(verb, "--json").output.utf8))
    let object = try #require((list as? [[String: Any]])?.first)
    let own = try section(verb, of: try article("Commands")).own
    for key in object.keys { #expect(own.contains("`\(key)`"), "\(key)") }
  }

  @Test func `every question of Schema.md can be asked`() throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    let questions = try article("Schema").components(separatedBy: "\n    -- ").dropFirst()
    #expect(questions.count == 8)
    for question in questions {
      let lines = question.split(separator: "\n").dropFirst()
      let sql = lines.joined(separator: "\n").replacing("run_id = 6", with: "run_id = 1")
      let outcome = try command("query", sql)
      #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(sql): \(outcome.errors)")
    }
  }

  @Test func `Daemon.md's example of listening on the network runs as written`() throws {
    let command = try Command()
    let example = try #require(
      try article("Daemon").components(separatedBy: "with a certificate of one's own:\n\n").last)
    let lines = example.split(separator: "\n", omittingEmptySubsequences: false)
      .prefix { $0.isEmpty || $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
    let serve = try #require(lines.firstIndex { $0.hasPrefix("resnet-probe serve ") })
    #expect(lines.contains { $0.hasPrefix("curl --cacert") } && lines.count > 8)
    let port = try freePort()
    let folder = Command.program.deletingLastPathComponent().path
    func script(_ part: some Sequence<String>) -> String {
      part.joined(separator: "\n").replacing(":8443", with: ":\(port)")
    }
    // Its own process group, and started in the background as one would in a terminal.
    let outcome = try command.shell(
      """
      set -e; export PATH='\(folder)':"$PATH"
      \(script(lines[..<serve]))
      \(script([lines[serve]])) 2> log &
      until grep -q 'serving ' log; do kill -0 $!; done
      \(script(lines[(serve + 1)...]))
      kill $!; wait $!
      """)
    #expect(outcome.code == 0 && outcome.output.hasSuffix("[]\n"), "\(outcome.errors)")
    let files = try command.shell("cd ~/.config/resnet-probe; stat -c '%a %n' tokens server.key")
    #expect(files.output == "600 tokens\n600 server.key\n")
  }

  /// A port of TCP that nobody listens at.
  private func freePort() throws -> UInt16 {
    let other = try Command()
    let daemon = try RunningDaemon(other, try ServerFiles(other).plain)
    let port = try daemon.port()
    _ = daemon.stop()
    return port
  }
}
