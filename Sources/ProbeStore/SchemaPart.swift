/// One table or view of a schema, with the paragraph that makes and explains it.
struct SchemaPart {
  /// The name of the table or view.
  var name: String
  /// Whether it is a view.
  var isView: Bool
  /// The comment and the statement.
  var text: String
  /// The text from the statement on.
  var statement: String

  /// What it is, in words.
  var words: String { "\(isView ? "view" : "table") \(name)" }

  /// The tables and views of a schema's text in its order: paragraphs are set apart by blank lines.
  static func parts(of sql: String) -> [SchemaPart] {
    var parts: [SchemaPart] = []
    var made: [(name: Substring, isView: Bool, start: String.Index)] = []
    let text = sql.utf8
    var start = text.startIndex
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.isEmpty {
        parts += made.map { part($0, sql[start..<line.startIndex]) }
        made = []
        start = line.endIndex < text.endIndex ? text.index(after: line.endIndex) : text.endIndex
      } else if line.starts(with: "CREATE ".utf8) {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3)
        let kind = words.count > 2 ? Substring(words[1]) : ""
        if kind == "TABLE" || kind == "VIEW" {
          made.append((Substring(words[2]), kind == "VIEW", line.startIndex))
        }
      }
    }
    return parts + made.map { part($0, sql[start...]) }
  }

  private static func part(
    _ made: (name: Substring, isView: Bool, start: String.Index), _ text: Substring
  ) -> SchemaPart {
    SchemaPart(
      name: String(made.name), isView: made.isView, text: String(text),
      statement: String(text[made.start...]))
  }
}
