import Foundation
import Support
import Testing

/// `compare` on networks that were really trained: the demo's.
@Suite struct CompareTests {
  /// What `compare --json` says, as far as the tests read it.
  struct ComparisonJSON: Decodable {
    struct Finding: Decodable {
      var kind: String
      var words: String
      var runs: [Int]
    }
    struct Family: Decodable {
      struct Step: Decodable {
        var from: Int
        var to: Int
        var effect: String
        var factor: Double?
      }
      var family: String
      var steps: [Step]
    }
    struct Run: Decodable {
      var id: Int
      var ratio: Double?
      var gap: Double?
    }
    var format: String
    var runs: [Run]
    var families: [Family]
    var findings: [Finding]
  }

  private func json(_ outcome: Command.Outcome) throws -> ComparisonJSON {
    try JSONDecoder().decode(ComparisonJSON.self, from: Data(outcome.output.utf8))
  }

  private func keys(of json: String) throws -> Set<String> {
    var keys: Set<String> = []
    func visit(_ value: Any) {
      if let object = value as? [String: Any] {
        keys.formUnion(object.keys)
        object.values.forEach(visit)
      } else if let list = value as? [Any] {
        list.forEach(visit)
      }
    }
    visit(try JSONSerialization.jsonObject(with: Data(json.utf8)))
    return keys
  }

  private func spans(of article: String) throws -> Set<String> {
    let path = "Sources/resnet-probe/ResnetProbe.docc/\(article).md"
    let text = try String(contentsOf: Fixtures.root.appending(path: path), encoding: .utf8)
    return Set(
      text.matches(of: #/`([^`\n]+)`/#).flatMap { $0.1.matches(of: #/\w+/#).map { String($0.0) } })
  }

  @Test func `deeper plain networks are degraded, residual ones are not and change less a block`()
    throws
  {
    let command = try Command()
    #expect(try command("demo").code == 0)
    let outcome = try command(
      "compare", "plain-2", "plain-8", "residual-2", "residual-8", "residual-16", "--json")
    #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    let found = try json(outcome)
    #expect(found.format == "resnet-probe.compare/1")
    #expect(found.findings.map(\.kind) == ["degradation"])
    #expect(found.findings[0].runs == [1, 2])
    #expect(found.findings[0].words.contains("Residual networks of these depths: "))
    #expect(found.families.map(\.family) == ["plain", "residual"])
    #expect(try #require(found.families[0].steps[0].factor) > 5)
    #expect(found.families[1].steps.allSatisfy { $0.effect != "worse" })
    let (ratios, gaps) = (found.runs.compactMap(\.ratio), found.runs.compactMap(\.gap))
    #expect(ratios[2] > 1.5 * ratios[3] && gaps[2] > 1.5 * gaps[3] && ratios[3] > ratios[4])
    // The same in words, and in the article.
    let text = try command("compare", "1", "2", "3", "4").output
    #expect(text.hasPrefix("Plain networks: batch loss "))
    #expect(
      text.contains(
        "\n! Degradation: plain networks of 8 blocks train worse than of 2: batch loss "))
    #expect(try keys(of: outcome.output).subtracting(spans(of: "Compare")) == [])
    // And its network is none that papers have numbers of.
    let reference = try command("report", "--run", "3", "--reference")
    #expect(
      reference.output.hasSuffix(
        "\nPublished numbers: none is known of a network with these blocks.\n"))
    #expect(try !command("report", "--run", "3").output.contains("Published"))
    let document = try command("report", "--run", "3", "--reference", "--json").output
    let all = try spans(of: "ReportJSON").union(spans(of: "Published"))
    #expect(try keys(of: document).subtracting(all) == [])
    #expect(document.contains("\"key\" : \"test_accuracy\""))
  }

  @Test(arguments: [
    "UPDATE run SET config = 'no JSON'", "UPDATE run SET config = '[1, {}]'",
    "UPDATE block_statistics SET samples = -9223372036854775808, dropped = 9223372036854775807",
    "UPDATE block_statistics SET non_finite = 9223372036854775807",
    "UPDATE block SET parameters = 9223372036854775807, shape = '[9223372036854775807,0,0]'",
    "UPDATE block SET stage = 9223372036854775807",
    "UPDATE frame SET step = 9223372036854775807 WHERE step = 10",
    "UPDATE run SET planned_steps = 9223372036854775807, status = 'running'",
    "UPDATE frame SET loss = 1e308", "UPDATE frame SET loss = -1e308, loss_is_nan = 1",
    "UPDATE metric SET value = 1e308", "DELETE FROM block",
    "DELETE FROM frame", "UPDATE metric SET key = 'val_acc', value = -1",
  ])
  func `no row of an edited store ends the program`(change: String) throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    let path = command.home.file("other.rpj")
    try Data(try GoldenRun(steps: Array(0..<30)).bytes).write(to: URL(filePath: path))
    #expect(try command("ingest", journal, path).code == 0)
    let edited = try command.shell(
      "sqlite3 '\(command.store)' \"PRAGMA ignore_check_constraints = ON; \(change)\"")
    #expect(edited.code == 0, "\(edited.errors)")
    for arguments in ["compare 1 2", "compare 2 1 --json", "report --run 2 --reference"] {
      let outcome = try command.shell("\"$probe\" \(arguments)")
      #expect([0, 1, 3].contains(outcome.code), "\(arguments): \(outcome.code)")
      #expect(outcome.errors.count { $0 == "\n" } <= 1, "\(outcome.errors.prefix(300))")
    }
  }

  @Test func `wrong names are one line each, and nothing wrong is claimed`() throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    func line(_ arguments: String..., code: Int32) throws -> String {
      let outcome = try command.shell("\"$probe\" compare \(arguments.joined(separator: " "))")
      #expect(outcome.code == code && outcome.output.isEmpty, "\(arguments)")
      #expect(outcome.errors.count { $0 == "\n" } == 1, "\(outcome.errors)")
      return outcome.errors
    }
    #expect(try line("1", "nobody", code: 3).contains("cannot find run nobody: no run of "))
    #expect(
      try line("1", "latest", code: 2)
        == "resnet-probe: cannot compare: all names mean run 1; name another run; `resnet-probe runs` lists them\n"
    )
    #expect(try line("1", code: 2).contains("name 2 to 32 runs to compare, not 1; "))
    #expect(try line(code: 2).contains("name 2 to 32 runs to compare, not 0; "))
    let many = Array(repeating: "1", count: 33).joined(separator: " ")
    #expect(try line(many, code: 2).contains("not 33; "))
    // Another run of two frames: too little to say anything of depth.
    let other = try GoldenRun()
    let path = command.home.file("other.rpj")
    try Data(other.bytes).write(to: URL(filePath: path))
    #expect(try command("ingest", path).code == 0)
    let found = try json(try command("compare", "1", "2", "1", "--json"))
    #expect(Set(found.findings.map(\.kind)) == ["repeated", "no_loss"])
    #expect(found.families.isEmpty)
    let full = try command.shell("\"$probe\" compare 1 2 > /dev/full")
    #expect(full.code == 1)
    #expect(full.errors.hasSuffix("cannot write the output: No space left on device\n"))
  }
}
