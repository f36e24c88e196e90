/// Breaks prose into lines.
package enum WordWrap {
  /// A space at which no line breaks; it becomes a plain one.
  package static let firmSpace: Character = "\u{A0}"

  /// The lines of a paragraph, each at most `width` columns; one line where `width` is nil.
  ///
  /// Words wider than a line (long module paths) are broken where the line ends, so that nothing
  /// is lost. Lines after the first begin with `indent` spaces.
  package static func lines(_ text: String, width: Int?, indent: Int = 0) -> [String] {
    guard let limit = width.map({ max(2, $0) }) else { return [soft(text)] }
    let indent = indent < limit - 1 ? indent : 0
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    var used = 0
    var isEmpty = true
    func finish() {
      lines.append(line)
      line = margin
      used = indent
      isEmpty = true
    }
    for word in text.split(separator: " ") {
      var rest = Substring(word)
      let columns = DisplayWidth.of(rest)
      if !isEmpty, used + 1 + columns > limit { finish() }
      if !isEmpty {
        line += " "
        used += 1
      }
      while DisplayWidth.of(rest) > limit - used {
        let part = Fitting.prefix(of: rest, columns: limit - used)
        line += part
        rest = rest.dropFirst(part.count)
        finish()
      }
      line += rest
      used += DisplayWidth.of(rest)
      isEmpty = false
    }
    if !isEmpty || lines.isEmpty { lines.append(line) }
    return lines.map(soft)
  }

  private static func soft(_ text: String) -> String {
    String(text.map { $0 == firmSpace ? " " : $0 })
  }
}
