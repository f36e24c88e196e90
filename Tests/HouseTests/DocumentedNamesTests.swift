import Testing

/// The names that users meet, each explained in its article.
@Suite struct DocumentedNamesTests {
  /// The raw values of an enum's cases in a source, one a line.
  private func cases(of name: String, in path: String) throws -> [String] {
    let source = try Repository.text(path)
    let start = try #require(source.firstRange(of: "enum \(name): "), "\(name)").upperBound
    let body = source[start...].split(separator: #/\n {0,2}}/#)[0]
    return body.split(separator: "\n").compactMap { line in
      line.wholeMatch(of: #/ +case (\w+)(?: = "?(\w+)"?)?/#).map { String($0.2 ?? $0.1) }
    }
  }

  /// The columns of a table in the order of the schema.
  private func columns(of table: String) throws -> [String] {
    let schema = try Repository.text("schema.sql")
    let start = try #require(schema.firstRange(of: "CREATE TABLE \(table) (\n")).upperBound
    return schema[start...].split(separator: "\n").prefix { !$0.hasPrefix(")") }.compactMap {
      $0.prefixMatch(of: #/ {2}([a-z][a-z0-9_]*) (?:INTEGER|REAL|TEXT)\b/#).map { String($0.1) }
    }
  }

  @Test func `Statistics.md explains every column of block_statistics`() throws {
    let article = try Article("Statistics")
    let explained = article.rowNames
    let spans = article.codeSpans
    let keys: Set = ["run_id", "attempt_id", "rank", "step", "block_id"]
    let columns = try columns(of: "block_statistics").filter { !keys.contains($0) }
    #expect(columns.count > 50)
    for column in columns {
      if explained.contains(column) || spans.contains(column) { continue }
      let suffix = #/(?:_log)?_(?:n|mean|m2|p50|p90|p99|max)$/#
      let match = try #require(column.firstMatch(of: suffix), "\(column)")
      #expect(explained.contains(String(column[..<match.range.lowerBound])), "\(column)")
      #expect(spans.contains(String(match.0)), "\(column)")
    }
  }

  @Test func `Verdicts.md explains every verdict, origin and setting`() throws {
    let article = try Article("Verdicts")
    let verdicts = try cases(of: "Verdict", in: "Sources/ProbeCore/Verdict.swift")
    #expect(verdicts.count == 9)
    for verdict in verdicts { #expect(article.rowNames.contains(verdict), "\(verdict)") }
    for origin in try cases(of: "Origin", in: "Sources/ProbeCore/Verdict.swift") {
      #expect(article.codeSpans.contains(origin), "\(origin)")
    }
    let source = try Repository.text("Sources/ProbeReport/Renderers/ReportDocument.swift")
    let settings = try #require(source.split(separator: "struct SettingsDocument").last)
      .matches(of: #/\/\/\/ `(\w+)`: /#).map { String($0.1) }
    #expect(settings.count == 9)
    for setting in settings { #expect(article.codeSpans.contains(setting), "\(setting)") }
  }

  @Test(arguments: ["Verdicts", "ReportJSON"])
  func `Every kind of what can be missing is named`(name: String) throws {
    let article = try Article(name)
    let kinds = try cases(of: "Cause", in: "Sources/ProbeReport/MissingGroup.swift")
    #expect(kinds.count == 7)
    for kind in kinds where kind != "unknown" || name == "ReportJSON" {
      #expect(article.codeSpans.contains(kind), "\(kind)")
    }
  }

  @Test func `ReportJSON.md names every verdict and every kind of finding`() throws {
    let spans = try Article("ReportJSON").codeSpans
    let kinds = try cases(of: "Kind", in: "Sources/ProbeReport/Finding.swift")
    #expect(kinds.count > 10)
    for name in try cases(of: "Verdict", in: "Sources/ProbeCore/Verdict.swift") + kinds {
      #expect(spans.contains(name), "\(name)")
    }
  }

  @Test func `Compare.md explains every kind of finding and every effect of depth`() throws {
    let names = try Article("Compare").rowNames
    let kinds = try cases(of: "Kind", in: "Sources/ProbeAnalysis/ComparisonFinding.swift")
    let effects = try cases(of: "Effect", in: "Sources/ProbeAnalysis/DepthCohort.swift")
    #expect(kinds.count == 13 && effects.count == 5)
    for name in kinds + effects { #expect(names.contains(name), "\(name)") }
  }

  @Test func `Depth.md explains every score and what candidates rest on`() throws {
    let article = try Article("Depth")
    let folder = "Sources/ProbeAnalysis/Depth"
    let scores = try cases(of: "DepthScore", in: "\(folder)/DepthScore.swift")
    #expect(scores.count == 4)
    for score in scores { #expect(article.rowNames.contains(score), "\(score)") }
    for basis in ["measured", "verdicts", "none"] {
      #expect(article.rowNames.contains(basis), "\(basis)")
    }
    let strategies = try cases(of: "Strategy", in: "Sources/ProbeCore/RemovalOrder.swift")
    for strategy in strategies { #expect(article.codeSpans.contains(strategy), "\(strategy)") }
  }

  @Test func `Published.md names the source of every published number`() throws {
    let article = try Article("Published").text
    let source = try Repository.text("Sources/ProbeAnalysis/Published/PublishedNumber.swift")
    let papers = source.matches(of: #/(?:imageNet|cifar)\("([^"]+)"/#).map { String($0.1) }
    #expect(papers.count == 9)
    for paper in papers where !paper.hasPrefix("Hasanpour") {
      #expect(article.contains("| \(paper) |"), "\(paper)")
    }
  }

  @Test func `WireFormat.md names every message, field and value of probe.proto`() throws {
    let article = try Article("WireFormat")
    let words = Set(article.text.matches(of: #/\w+/#).map { String($0.0) })
    let code = article.codeWords
    var count = 0
    for line in try Repository.lines("Sources/ProbeWire/probe.proto") {
      if let match = line.firstMatch(of: #/^ *(?:message|enum) (\w+) \{/#) {
        #expect(words.contains(String(match.1)), "\(match.1)")
      } else if let match = line.firstMatch(of: #/^ +(?:[\w.]+ )*(\w+) = \d+;/#) {
        #expect(code.contains(String(match.1)), "\(match.1)")
        count += 1
      }
    }
    #expect(count > 90)
  }

  @Test func `Schema.md names every table and view`() throws {
    let names = try Article("Schema").rowNames
    let made = try Repository.text("schema.sql").matches(of: #/\nCREATE (?:TABLE|VIEW) (\w+)/#)
    #expect(Set(made.map { String($0.1) }) == names)
  }

  @Test func `Commands.md names every exit code and every variable of this program`() throws {
    let article = try Article("Commands")
    let codes = try cases(of: "Code", in: "Sources/resnet-probe/Failure.swift")
    #expect(codes == ["1", "2", "3"])
    for code in ["0"] + codes { #expect(article.text.contains("\n| \(code) | "), "\(code)") }
    let variables = try Repository.swiftFiles(under: "Sources").flatMap {
      StringLiterals.of(try Repository.text($0))
    }.filter { $0.wholeMatch(of: #/RESNET_PROBE_[A-Z_]+/#) != nil }
    #expect(Set(variables).count >= 4)
    for variable in Set(variables) { #expect(article.rowNames.contains(variable), "\(variable)") }
  }
}
