import Testing

@Suite struct SQLTests {
  private static let verbs = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "CREATE", "ALTER", "DROP", "PRAGMA",
    "ATTACH", "DETACH", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM",
  ]

  /// Whether a literal is a statement: a verb in capitals first, then more.
  ///
  /// A command line or a sentence that quotes a statement is none.
  private func isStatement(_ literal: String) -> Bool {
    let words = literal.split(maxSplits: 1) { $0.isWhitespace }
    return words.count == 2 && Self.verbs.contains(String(words[0]))
  }

  private var elsewhere: [String] {
    Repository.swiftFiles(under: "Sources").filter { !$0.hasPrefix("Sources/ProbeStore/") }
  }

  @Test func `Only ProbeStore holds statements`() throws {
    for file in elsewhere {
      for literal in StringLiterals.of(try Repository.text(file)) where isStatement(literal) {
        Issue.record("\(file): \(literal)")
      }
    }
  }

  @Test func `Only ProbeStore calls SQLite`() throws {
    for file in elsewhere {
      for (index, line) in try Repository.lines(file).enumerated() {
        #expect(!line.contains("sqlite3_") && !line.contains("sql: \""), "\(file):\(index + 1)")
      }
    }
  }

  @Test func `The check sees the statements there are`() throws {
    let store = try Repository.swiftFiles(under: "Sources/ProbeStore").flatMap {
      StringLiterals.of(try Repository.text($0))
    }
    #expect(store.filter(isStatement).count > 20)
  }

  @Test func `Literals are found as they are written`() {
    let quote = "\""
    let three = quote + quote + quote
    let source = """
      let a = "x" // "no literal"
      let b = "SELECT \\(f("inner", (1))) \\" end"
      let c = \(three)
        PRAGMA "quoted"
        \(three)
      let d = #"raw \\ "quoted" "#
      """
    let found = StringLiterals.of(source).map {
      $0.split { $0.isWhitespace }.joined(separator: " ")
    }
    #expect(found == ["x", "inner", "SELECT end", "PRAGMA \"quoted\"", "raw \\ \"quoted\""])
    #expect(isStatement("\n  SELECT 1"))
    #expect(!isStatement("resnet-probe query \"SELECT 1\""))
    #expect(!isStatement("(SELECT 1)"))
    #expect(!isStatement("SELECT"))
  }
}
