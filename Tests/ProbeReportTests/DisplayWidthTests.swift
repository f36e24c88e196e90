internal import ProbeReport
internal import Testing

@Suite struct `The display width` {
  @Test(arguments: [
    ("", 0), ("block", 5), ("‖∂θ‖", 4), ("▁█·…─", 5), ("é", 1), ("e\u{301}", 1), ("層", 2),
    ("ブロック", 8), ("한글", 4), ("ﾊﾝ", 2), ("Ａ", 2), ("🧱", 2), ("👩‍👩‍👧", 2), ("🇩🇪", 2), ("❤️", 2),
    ("\u{1112}\u{1161}\u{11ab}", 2), ("a層b", 4), ("\u{1b}", 0),
  ])
  func `counts columns`(text: String, width: Int) {
    #expect(DisplayWidth.of(text) == width)
  }
}
