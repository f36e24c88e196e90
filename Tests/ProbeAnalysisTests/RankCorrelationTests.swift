import ProbeAnalysis
import Testing

@Suite struct RankCorrelationTests {
  @Test func `Ranks, correlations, partial ones and bounds are those of SciPy`() throws {
    let rows = try RankOracle.load().correlations
    #expect(rows.count > 12)
    for row in rows {
      let correlation = try #require(RankCorrelation(row.x, row.y))
      #expect(RankCorrelation.midRanks(row.x) == row.ranks)
      #expect(correlation.pairs == row.x.count)
      #expect(abs(correlation.value - row.spearman) < 1e-12)
      let bounds = correlation.bounds(confidence: 0.95)
      #expect(abs(bounds.lowerBound - row.lower) < 1e-9)
      #expect(abs(bounds.upperBound - row.upper) < 1e-9)
      let partial = RankCorrelation.partial(
        xy: correlation.value, xz: try #require(RankCorrelation(row.x, row.z)).value,
        yz: try #require(RankCorrelation(row.y, row.z)).value)
      // Four blocks in perfect order leave nothing to explain.
      guard let partial else { continue }
      #expect(abs(partial - row.partial) < 1e-9)
    }
  }

  @Test func `Equal values share the mean of their ranks`() {
    #expect(RankCorrelation.midRanks([3, 1, 3, 2, 3]) == [4, 1, 4, 2, 4])
    #expect(RankCorrelation.midRanks([]) == [])
  }

  @Test func `The same order is 1 and the opposite one is −1`() {
    #expect(RankCorrelation([1, 2, 3, 4], [10, 20, 40, 80])?.value == 1)
    #expect(RankCorrelation([1, 2, 3, 4], [8, 4, 2, 1])?.value == -1)
  }

  @Test func `Too few pairs, a constant side and values that are not finite have none`() {
    #expect(RankCorrelation([1, 2, 3], [1, 2, 3]) == nil)
    #expect(RankCorrelation([1, 1, 1, 1], [1, 2, 3, 4]) == nil)
    #expect(RankCorrelation([1, 2, 3, 4], [5, 5, 5, 5]) == nil)
    #expect(RankCorrelation([1, 2, .nan, 4], [1, 2, 3, 4]) == nil)
    #expect(RankCorrelation([1, 2, .infinity, 4], [1, 2, 3, 4]) == nil)
  }

  @Test func `Increasing transforms, the order of pairs and swapping sides change nothing`() throws
  {
    var random = SplitMix64(seed: 3)
    for n in 4...40 {
      // Rounded, so that ties take part.
      let x = (0..<n).map { _ in (random.normal() * 4).rounded() / 4 }
      let y = x.map { $0 + random.normal() }
      guard let value = RankCorrelation(x, y)?.value else { continue }
      #expect(RankCorrelation(x.map { $0 * $0 * $0 + 7 }, y.map { 3 * $0 - 1 })?.value == value)
      #expect(RankCorrelation(y, x)?.value == value)
      let turned = try #require(RankCorrelation(x.map { -$0 }, y)?.value)
      #expect(abs(turned + value) < 1e-12)
      let order = Array(0..<n).shuffled(using: &random)
      let shuffled = try #require(RankCorrelation(order.map { x[$0] }, order.map { y[$0] }))
      #expect(abs(shuffled.value - value) < 1e-12)
      #expect(shuffled.bounds(confidence: 0.95).contains(value))
      #expect((-1...1).contains(value))
    }
  }

  @Test func `A perfect order of few blocks is no certainty`() throws {
    let bounds = try #require(RankCorrelation([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]))
      .bounds(confidence: 0.95)
    #expect(bounds.lowerBound < 0.9)
    #expect(bounds.upperBound == 1)
  }

  @Test func `What the third variable orders completely leaves nothing to explain`() {
    #expect(RankCorrelation.partial(xy: 0.8, xz: 1, yz: 0.8) == nil)
    #expect(RankCorrelation.partial(xy: 0.8, xz: 0.8, yz: -1) == nil)
    #expect(RankCorrelation.partial(xy: 0.5, xz: 0, yz: 0) == 0.5)
    // Turning the third variable round changes nothing.
    #expect(
      RankCorrelation.partial(xy: 0.5, xz: 0.3, yz: 0.6)
        == RankCorrelation.partial(xy: 0.5, xz: -0.3, yz: -0.6))
  }

  @Test func `Two halves make a whole that is more reliable, if they agree at all`() throws {
    #expect(try abs(#require(RankCorrelation.spearmanBrown(halves: 0.5)) - 2.0 / 3) < 1e-12)
    #expect(RankCorrelation.spearmanBrown(halves: 1) == 1)
    #expect(RankCorrelation.spearmanBrown(halves: 0) == nil)
    #expect(RankCorrelation.spearmanBrown(halves: -0.4) == nil)
  }
}
