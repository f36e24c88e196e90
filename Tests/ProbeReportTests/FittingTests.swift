internal import ProbeReport
internal import Testing

@Suite struct `Fitting text into a width` {
  @Test func `pads by columns, not by characters`() {
    #expect(Fitting.pad("層", to: 4, .leading) == "層  ")
    #expect(Fitting.pad("12", to: 4, .trailing) == "  12")
    #expect(Fitting.pad("longer", to: 4, .leading) == "longer")
  }

  @Test func `leaves out the middle and keeps more of the end`() {
    #expect(Fitting.truncateMiddle("encoder.layers.11.mlp", to: 12) == "enc…s.11.mlp")
    #expect(Fitting.truncateMiddle("short", to: 5) == "short")
    #expect(Fitting.truncateMiddle("short", to: 1) == "…")
    #expect(Fitting.truncateMiddle("short", to: 0) == "")
  }

  @Test func `leaves out what does not tell texts apart`() {
    func short(_ texts: [String], to width: Int) -> [String]? {
      Fitting.distinctHead(texts, to: width).map { head in
        texts.map { Fitting.truncateMiddle($0, to: width, head: head) }
      }
    }
    #expect(
      short(["0.attention.self", "1.attention.self", "10.attention.self"], to: 8)
        == ["0.….self", "1.….self", "10….self"])
    #expect(short(["aaaaaaaaaa.1.b", "aaaaaaaaaa.2.b"], to: 10) == ["aaa…aa.1.b", "aaa…aa.2.b"])
    #expect(short(["x.layer100.intermediate", "x.layer200.intermediate"], to: 6) == nil)
    #expect(
      short(["x.layer100.intermediate", "x.layer200.intermediate"], to: 14)?[0] == "x.layer1…diate")
    #expect(short(["alike.name.long", "alike.name.long"], to: 8) != nil, "one name twice")
  }

  @Test func `leaves out the end`() {
    #expect(Fitting.truncateEnd("truncated", to: 5) == "trun…")
    #expect(Fitting.truncateEnd("層層層", to: 4) == "層…")
  }

  @Test(arguments: Hostile.names, [0, 1, 2, 3, 7, 20])
  func `is never wider than asked`(name: String, width: Int) {
    let text = PrintableText.escape(name)
    #expect(DisplayWidth.of(Fitting.truncateMiddle(text, to: width)) <= width)
    #expect(DisplayWidth.of(Fitting.truncateEnd(text, to: width)) <= width)
  }

  @Test func `sets points one below the other`() {
    #expect(
      Fitting.alignDecimals(["0.183", "12.5", "0", "·", "1.2e-06"])
        == [" 0.183  ", "12.5    ", " 0      ", "       ·", " 1.2e-06"])
    #expect(Fitting.alignDecimals([]) == [])
  }
}

@Suite struct `Wrapping prose` {
  @Test func `breaks between words and indents what follows`() {
    #expect(
      WordWrap.lines("one two three four", width: 9, indent: 2) == ["one two", "  three", "  four"])
  }

  @Test func `loses nothing of a word wider than the line`() {
    let lines = WordWrap.lines("a very.long.module.path b", width: 8, indent: 2)
    #expect(lines.allSatisfy { DisplayWidth.of($0) <= 8 })
    #expect(lines.joined().filter { $0 != " " } == "avery.long.module.pathb")
  }

  @Test func `does not break at a firm space`() {
    #expect(WordWrap.lines("a b\u{A0}c", width: 4) == ["a", "b c"])
  }

  @Test func `is one line without a width and for nothing`() {
    #expect(WordWrap.lines("one two", width: nil) == ["one two"])
    #expect(WordWrap.lines("", width: 10) == [""])
  }
}
