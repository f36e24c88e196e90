/// Makes text that others wrote safe to print.
///
/// A block's name comes from somebody's program: it may hold escape sequences that repaint a
/// terminal, overrides that turn its reading order, or characters that cannot be seen.
public enum PrintableText {
  /// The text with every scalar that is not printable written as a visible escape.
  ///
  /// `\n`, `\r` and `\t` are written so, others as `\x1b` or `\u{202e}`. A backslash stays as it
  /// is, so that applying this twice is the same as once; the result is for eyes, not for decoding.
  public static func escape(_ text: some StringProtocol) -> String {
    guard !text.unicodeScalars.allSatisfy(isPrintable) else { return String(text) }
    var result = ""
    for scalar in text.unicodeScalars {
      if isPrintable(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += escaped(scalar)
      }
    }
    return result
  }

  /// Whether a scalar leaves a mark of its own and changes nothing around it.
  ///
  /// Not so: control characters (C0, DEL, C1), format characters (bidirectional overrides and
  /// isolates, zero-width ones, tags), line and paragraph separators, noncharacters and blanks
  /// that pass for letters.
  public static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if (0x20..<0x7F).contains(scalar.value) { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return false
    case .unassigned: return false
    default: break
    }
    // Variation selectors choose between two looks of the character before; the other ignorable
    // ones (Hangul fillers, the grapheme joiner) are invisible.
    if (0xFE00...0xFE0F).contains(scalar.value) { return true }
    return !scalar.properties.isDefaultIgnorableCodePoint
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default:
      scalar.value < 0x100
        ? "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
        : "\\u{" + String(scalar.value, radix: 16) + "}"
    }
  }
}
