internal import ProbeReport
internal import Testing

@Suite struct `Printable text` {
  @Test(arguments: [
    ("layer1.0", "layer1.0"), ("", ""), ("ブロック é 🧱", "ブロック é 🧱"), ("back\\slash", "back\\slash"),
    ("\u{1b}[31m", "\\x1b[31m"), ("a\nb\rc\td", "a\\nb\\rc\\td"), ("a\r\nb", "a\\r\\nb"),
    ("\u{0}\u{7}\u{7f}", "\\x00\\x07\\x7f"), ("\u{9b}1m", "\\x9b1m"),
    ("x\u{202e}y", "x\\u{202e}y"), ("\u{2066}\u{200b}\u{feff}", "\\u{2066}\\u{200b}\\u{feff}"),
    ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"), ("\u{e0041}", "\\u{e0041}"),
    ("\u{3164}", "\\u{3164}"), ("\u{fffe}", "\\u{fffe}"),
  ])
  func `shows what cannot be seen`(text: String, shown: String) {
    #expect(PrintableText.escape(text) == shown)
  }

  @Test(arguments: Hostile.names)
  func `is harmless, and making it printable again changes nothing`(name: String) {
    let once = PrintableText.escape(name)
    #expect(Hostile.isHarmless(once) && !once.contains("\n"))
    #expect(PrintableText.escape(once) == once)
  }
}
