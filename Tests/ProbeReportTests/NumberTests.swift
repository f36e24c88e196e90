internal import ProbeReport
internal import Testing

@Suite struct `Numbers in words` {
  @Test(arguments: [
    (0.0, 3, "0"), (-0.0, 3, "0"), (0.18349, 3, "0.183"), (0.1, 3, "0.1"), (12.34, 3, "12.3"),
    (1234.4, 3, "1234"), (999_999.4, 3, "999999"), (999_999.6, 3, "1e+06"),
    (1_234_567, 3, "1.23e+06"),
    (1.2e-6, 3, "1.2e-06"), (0.0001, 3, "0.0001"), (0.00012345, 3, "0.000123"),
    (0.000099999, 3, "0.0001"), (9.9999e-5, 5, "9.9999e-05"), (0.9996, 3, "1"), (9.996, 3, "10"),
    (-1.5, 3, "-1.5"), (0.125, 2, "0.13"), (.leastNonzeroMagnitude, 3, "5e-324"),
    (1.7976931348623157e308, 3, "1.8e+308"),
    (1e16, 6, "1e+16"), (100_000, 6, "100000"), (3.14159265, 6, "3.14159"), (7, 1, "7"),
    (.infinity, 3, "inf"), (-.infinity, 3, "-inf"), (.nan, 3, "nan"),
  ])
  func `have so many significant digits`(value: Double, digits: Int, text: String) {
    #expect(Number.format(value, significant: digits) == text)
  }

  @Test(arguments: [
    (0.1, 3, "0.100"), (0.18, 2, "0.18"), (1, 2, "1.0"), (10, 2, "10"), (1234, 2, "1234"),
    (0, 3, "0"), (1e-7, 3, "1.00e-07"), (0.9999, 3, "1.00"),
  ])
  func `keep their zeros when asked`(value: Double, digits: Int, text: String) {
    #expect(Number.format(value, significant: digits, trimmed: false) == text)
  }

  @Test(arguments: [
    (0, "0 %"), (1, "100 %"), (0.999, ">99 %"), (0.95, "95 %"), (0.123, "12 %"), (0.0123, "1.2 %"),
    (0.004, "0.4 %"), (0.0001, "<0.1 %"), (.nan, "nan %"),
  ])
  func `are shares`(share: Double, text: String) {
    #expect(Number.percent(share) == text)
  }

  @Test func `agree with their nouns`() {
    #expect(Words.count(1, "block") == "1 block")
    #expect(Words.count(0, "block") == "0 blocks")
    #expect(Words.count(2, "batch", "batches") == "2 batches")
  }

  @Test func `stand for names beyond a dozen`() {
    let names = (0..<20).map(String.init)
    #expect(Words.names(names).hasSuffix("10, 11 and 8 more"))
    #expect(Words.names(Array(names.prefix(13))).hasSuffix("11, 12"))
  }

  @Test(arguments: [
    (0.0, "1970-01-01 00:00:00Z"), (1_700_000_000, "2023-11-14 22:13:20Z"),
    (951_782_400, "2000-02-29 00:00:00Z"), (-1, "1969-12-31 23:59:59Z"),
    (4_107_542_399.9, "2100-02-28 23:59:59Z"),
    (.nan, "unknown"), (1e300, "unknown"),
  ])
  func `are points in time`(seconds: Double, text: String) {
    #expect(Timestamp.format(seconds) == text)
  }
}
