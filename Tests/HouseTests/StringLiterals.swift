/// The string literals of a Swift source, as they are written, without their quotes.
///
/// A scanner for the checks of this folder: it knows comments, escapes, multi-line and raw literals
/// and interpolations, whose own literals come before the one that holds them; no regex literals
/// with quotes in them.
struct StringLiterals {
  private let source: [Character]
  private var place = 0
  private var found: [String] = []

  private init(_ source: String) { self.source = Array(source) }

  /// All literals of a source.
  static func of(_ source: String) -> [String] {
    var scanner = StringLiterals(source)
    scanner.code(untilParenthesis: false)
    return scanner.found
  }

  private func sees(_ text: String) -> Bool {
    source[place...].starts(with: text)
  }

  /// Passes over code to its end, or to the parenthesis that closes what is open.
  private mutating func code(untilParenthesis: Bool) {
    var depth = 0
    while place < source.count {
      switch source[place] {
      case "/" where sees("//"):
        while place < source.count, source[place] != "\n" { place += 1 }
      case "#", "\"":
        literal()
      case "(":
        depth += 1
        place += 1
      case ")":
        place += 1
        if untilParenthesis, depth == 0 { return }
        depth -= 1
      default: place += 1
      }
    }
  }

  /// Reads a literal where one begins here.
  private mutating func literal() {
    let start = place
    while place < source.count, source[place] == "#" { place += 1 }
    let hashes = String(repeating: "#", count: place - start)
    guard place < source.count, source[place] == "\"" else { return }
    let quotes = sees("\"\"\"") ? "\"\"\"" : "\""
    place += quotes.count
    var text = ""
    while place < source.count {
      if sees(quotes + hashes) {
        place += quotes.count + hashes.count
        break
      }
      if sees("\\" + hashes) {
        place += 1 + hashes.count
        if place < source.count, source[place] == "(" {
          place += 1
          code(untilParenthesis: true)
        } else {
          place += 1
        }
        text += " "
      } else {
        text.append(source[place])
        place += 1
      }
    }
    found.append(text)
  }
}
