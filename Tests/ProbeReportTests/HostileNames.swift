/// Names that would do something to whoever prints them.
enum Hostile {
  static let names = [
    "\u{1b}[31mred\u{1b}[0m", "\u{1b}]0;title\u{7}", "line\nbreak", "carriage\rreturn", "a\r\nb",
    "tab\there", "nul\u{0}l", "del\u{7f}", "csi\u{9b}31m", "bidi\u{202e}gpj.exe",
    "isolate\u{2066}x\u{2069}", "zero\u{200b}width\u{200d}\u{feff}", "sep\u{2028}\u{2029}",
    "tag\u{e0041}", "filler\u{3164}\u{115f}", "soft\u{ad}hyphen", "wide ブロック 🧱 é",
    "=cmd|' /C calc'!A0", "a,\"b\"", String(repeating: "x", count: 512),
    String(repeating: "層", count: 170),
  ]

  /// Whether all that reaches a terminal is printable or a newline.
  static func isHarmless(_ output: String) -> Bool {
    output.unicodeScalars.allSatisfy { scalar in
      if scalar == "\n" { return true }
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: return false
      default: return true
      }
    }
  }
}
