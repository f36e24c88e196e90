/// The schema as text, for people: `schema.sql` as it is, or the part of it on one table or view.
public enum SchemaText {
  /// The whole of `schema.sql`.
  public static var whole: String { Schema.current.sql }

  /// The names of all tables and views in the order of the file.
  public static var names: [String] { parts.map(\.name) }

  /// The names of the views.
  public static var views: [String] { parts.filter(\.isView).map(\.name) }

  /// The comment and the statement of one table or view; nil where there is none of this name.
  public static func part(_ name: String) -> String? {
    parts.first { $0.name == name }?.text
  }

  /// A paragraph of the file that makes something: paragraphs are set apart by blank lines.
  private static var parts: [(name: String, isView: Bool, text: String)] {
    var parts: [(name: String, isView: Bool, text: String)] = []
    var lines: [Substring] = []
    let all: [Substring] = whole.split(separator: "\n", omittingEmptySubsequences: false)
    for line in all + [""] {
      guard line.isEmpty else {
        lines.append(line)
        continue
      }
      for line in lines {
        let words = line.split(separator: " ")
        if words.count > 2, words[0] == "CREATE", words[1] == "TABLE" || words[1] == "VIEW" {
          parts.append((String(words[2]), words[1] == "VIEW", lines.joined(separator: "\n") + "\n"))
        }
      }
      lines = []
    }
    return parts
  }
}
