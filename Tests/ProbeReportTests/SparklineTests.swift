internal import ProbeReport
internal import Testing

@Suite struct `A sparkline` {
  @Test func `rises by equal steps where values grow by a factor`() throws {
    let values = (0..<8).map { Double(1 << $0) }
    #expect(try #require(Sparkline(fitting: values)).draw(values) == "▁▂▃▄▅▆▇█")
  }

  @Test func `has no scale without a positive value`() {
    #expect(Sparkline(fitting: []) == nil)
    #expect(Sparkline(fitting: [0, -1, .nan, .infinity]) == nil)
  }

  @Test func `of one or equal values stands at half height`() throws {
    #expect(try #require(Sparkline(fitting: [0.3])).draw([0.3]) == "▄")
    #expect(try #require(Sparkline(fitting: [0.3, 0.3])).draw([0.3, 0.3, 0]) == "▄▄▁")
  }

  @Test func `draws zero lowest and shows what is undefined`() {
    let line = Sparkline(low: 0.01, high: 1)
    #expect(line.draw([0, nil, .nan, .infinity, -1, 1e-9, 5, 0.1]) == "▁····▁█▅")
    #expect(line.draw([]) == "")
  }

  @Test func `spans at most three decades`() throws {
    #expect(try #require(Sparkline(fitting: [1e-12, 1])).low == 1e-3)
  }

  @Test func `places points by their step and goes on where there are none`() {
    let line = Sparkline(low: 0.01, high: 1)
    #expect(line.draw([(0, 1), (50, 0.01)], over: 0...99, width: 4) == "██▁▁")
    #expect(line.draw([(50, nil), (75, 0)], over: 0...99, width: 4) == "··" + "·▁")
    #expect(line.draw([(0, 1)], over: 0...0, width: 3) == "███")
    #expect(line.draw([(0, 1)], over: 0...9, width: 0) == "")
    #expect(line.draw([], over: 0...9, width: 3) == "···")
  }

  @Test func `takes the geometric mean of the points in one element`() {
    let line = Sparkline(low: 0.01, high: 1)
    #expect(line.draw([(0, 1), (1, 0.01)], over: 0...1, width: 1) == line.draw([0.1]))
  }
}

@Suite struct `Binary logarithms` {
  @Test(arguments: [1e-300, 0x1p-1074, 0.05, 0.7071, 1, 1.4142, 2, 3, 1e10])
  func `are undone by powers`(value: Double) {
    let again = BinaryLogarithm.power(BinaryLogarithm.of(value))
    #expect(abs(again / value - 1) < 1e-11)
  }

  @Test func `are exact at powers of two`() {
    #expect(BinaryLogarithm.of(8) == 3 && BinaryLogarithm.of(0.25) == -2)
    #expect(abs(BinaryLogarithm.of(10) - 3.321928094887362) < 1e-12)
  }
}
