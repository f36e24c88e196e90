/// An article of the documentation, as text.
struct Article {
  /// Where the articles are.
  static let folder = "Sources/resnet-probe/ResnetProbe.docc"

  /// Its path from the root.
  let path: String
  /// Its text.
  let text: String

  /// The article of a name, as in `<doc:name>`.
  init(_ name: String) throws { try self.init(path: "\(Self.folder)/\(name).md") }

  /// The article at a path.
  init(path: String) throws {
    self.path = path
    text = try Repository.text(path)
  }

  /// All articles, decisions among them.
  static var all: [Article] {
    get throws {
      try Repository.files
        .filter { $0.hasPrefix(folder + "/") && $0.hasSuffix(".md") }
        .map { try Article(path: $0) }
    }
  }

  /// Its file's name without the ending.
  var name: String { String(path.split(separator: "/").last!.dropLast(3)) }

  /// The words that stand in code voice: what is between single back quotes, split into words.
  var codeWords: Set<String> {
    let spans = text.matches(of: #/`([^`\n]+)`/#).map(\.1)
    return Set(spans.flatMap { $0.matches(of: #/\w+/#).map { String($0.0) } })
  }

  /// The words that stand alone in code voice.
  var codeSpans: Set<String> { Set(text.matches(of: #/`([^`\n]+)`/#).map { String($0.1) }) }

  /// The first cells of its tables' rows, each split into its names in code voice.
  var rowNames: Set<String> {
    var names: Set<String> = []
    for line in text.split(separator: "\n") where line.hasPrefix("| ") {
      let cell = line.dropFirst(2).prefix { $0 != "|" }
      names.formUnion(cell.matches(of: #/`([^`]+)`/#).map { String($0.1) })
    }
    return names
  }
}
