/// Where text stands in a column that is wider than it.
public enum Alignment: String, Sendable, Hashable, CaseIterable {
  /// At the left edge: words.
  case leading
  /// At the right edge: whole numbers.
  case trailing
  /// With its decimal point below the others': measured numbers.
  case decimal
}

/// Brings text to a width in columns of a terminal, never splitting a grapheme cluster.
package enum Fitting {
  /// The text with spaces up to `width`; a longer one stays as it is.
  package static func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
    let missing = width - DisplayWidth.of(text)
    guard missing > 0 else { return text }
    let spaces = String(repeating: " ", count: missing)
    return alignment == .leading ? text + spaces : spaces + text
  }

  /// The text within `width`, its middle replaced by "…" where it is longer.
  ///
  /// Two thirds of the room go to the end, unless `head` says how much goes to the beginning: module
  /// paths begin alike and differ there.
  package static func truncateMiddle(_ text: String, to width: Int, head: Int? = nil) -> String {
    guard DisplayWidth.of(text) > width else { return text }
    guard width > 1 else { return width == 1 ? "…" : "" }
    let room = width - 1
    let start = prefix(of: text, columns: min(head ?? room / 3, room))
    return start + "…" + suffix(of: text, columns: room - DisplayWidth.of(start))
  }

  /// How much of the room goes to the beginning so that no two texts become the same by leaving out
  /// their middle; nil where no way of several does that.
  package static func distinctHead(_ texts: [String], to width: Int) -> Int? {
    guard width > 2 else { return nil }
    let room = width - 1
    return [room / 3, room / 2, room * 2 / 3, room - 1, 1].first { head in
      var seen: [String: String] = [:]
      return texts.allSatisfy { text in
        let short = truncateMiddle(text, to: width, head: head)
        return seen.updateValue(text, forKey: short).map { $0 == text } ?? true
      }
    }
  }

  /// The text within `width`, its end replaced by "…" where it is longer.
  package static func truncateEnd(_ text: String, to width: Int) -> String {
    guard DisplayWidth.of(text) > width else { return text }
    guard width > 1 else { return width == 1 ? "…" : "" }
    return prefix(of: text, columns: width - 1) + "…"
  }

  /// The most leading grapheme clusters that fit into `columns`.
  package static func prefix(of text: some StringProtocol, columns: Int) -> String {
    var used = 0
    return String(
      text.prefix { character in
        used += DisplayWidth.of(character)
        return used <= columns
      })
  }

  private static func suffix(of text: String, columns: Int) -> String {
    var used = 0
    var kept: [Character] = []
    for character in text.reversed() {
      used += DisplayWidth.of(character)
      guard used <= columns else { break }
      kept.append(character)
    }
    return String(kept.reversed())
  }

  /// Texts of one column with their decimal points one below the other, all of one width.
  ///
  /// A text without a point ends where the points stand; one that is no number (it does not begin
  /// with a digit or sign) is set at the right edge.
  package static func alignDecimals(_ texts: [String]) -> [String] {
    let parts = texts.map { text -> (whole: Int, rest: Int)? in
      guard let first = text.first, first.isNumber || "+-−".contains(first) else { return nil }
      let whole = text.prefix { $0.isNumber || "+-−".contains($0) }
      return (DisplayWidth.of(whole), DisplayWidth.of(text.dropFirst(whole.count)))
    }
    let whole = parts.reduce(0) { max($0, $1?.whole ?? 0) }
    let rest = parts.reduce(0) { max($0, $1?.rest ?? 0) }
    let width = texts.reduce(whole + rest) { max($0, DisplayWidth.of($1)) }
    return zip(texts, parts).map { text, part in
      guard let part else { return pad(text, to: width, .trailing) }
      let filled = text + String(repeating: " ", count: rest - part.rest)
      return pad(filled, to: width, .trailing)
    }
  }
}
