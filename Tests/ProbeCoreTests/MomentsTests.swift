import ProbeCore
import Testing

@Suite struct MomentsTests {
  @Test(arguments: [0.0, 1e3, -1e6])
  func `One pass agrees with two passes, far from zero too`(offset: Double) {
    var generator = Sequence64(seed: 1)
    let values = generator.numbers(500, in: -1...1).map { $0 + offset }
    let mean = values.reduce(0, +) / 500
    let m2 = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let moments = Moments(of: values)
    #expect(moments.n == 500)
    #expect(abs(moments.mean - mean) <= 1e-14 * max(1, abs(offset)))
    // A sum of squared deviations is lost to rounding in proportion to the offset only.
    #expect(abs(moments.m2 - m2) <= 1e-13 * m2 * max(1, abs(offset)))
  }

  @Test func `A closed form comes out exactly`() {
    let moments = Moments(of: [1, 2, 3, 4, 5])
    #expect(moments.n == 5)
    #expect(moments.mean == 3)
    #expect(moments.m2 == 10)
    #expect(moments.squareSum == 55)
  }

  @Test func `Equal values have no deviation at all`() {
    let moments = Moments(of: repeatElement(0.1, count: 1000))
    #expect(moments.mean == 0.1)
    #expect(moments.m2 == 0)
  }

  @Test func `Merging is what pooling gives, in any grouping and order`() {
    var generator = Sequence64(seed: 2)
    let parts = [3, 1, 200, 40].map { generator.numbers($0, in: -5...20) }
    let summaries = parts.map { Moments(of: $0) }
    let pooled = Moments(of: parts.joined())
    func merged(_ a: Moments, _ b: Moments) -> Moments {
      var sum = a
      sum.merge(b)
      return sum
    }
    let leftToRight = summaries.reduce(Moments(), merged)
    let rightToLeft = summaries.reversed().reduce(Moments()) { merged($1, $0) }
    let inPairs = merged(
      merged(summaries[2], summaries[0]), merged(summaries[3], summaries[1]))
    for sum in [leftToRight, rightToLeft, inPairs] { #expect(agree(sum, pooled, within: 1e-13)) }
    for a in summaries {
      for b in summaries { #expect(agree(merged(a, b), merged(b, a), within: 1e-14)) }
    }
  }

  @Test func `Nothing merged with something is the something, bit for bit`() {
    let some = Moments(of: [0.1, 0.7, 1e9])
    var left = Moments()
    left.merge(some)
    var right = some
    right.merge(Moments())
    #expect(left == some)
    #expect(right == some)
    var nothing = Moments()
    nothing.merge(Moments())
    #expect(nothing == Moments())
  }

  @Test func `An empty sample is all zero`() {
    let empty = Moments()
    #expect(empty.n == 0)
    #expect(empty.mean == 0)
    #expect(empty.m2 == 0)
    #expect(empty.squareSum == 0)
  }

  @Test(arguments: [
    (0, 0.0, 0.0), (1, -2.5, 0), (2, 0, 0), (7, 1e300, 0), (7, -1, 1e-300),
  ])
  func `A summary that a sample can have is taken`(n: Int, mean: Double, m2: Double) throws {
    let moments = try #require(Moments(n: n, mean: mean, m2: m2))
    #expect(moments.n == n)
    #expect(moments.mean == mean)
    #expect(moments.m2 == m2)
  }

  @Test(arguments: [
    (-1, 0.0, 0.0), (0, 1, 0), (0, 0, 1), (2, .nan, 0), (2, .infinity, 0), (2, 0, .nan),
    (2, 0, .infinity), (2, 0, -1e-300),
  ])
  func `A summary that no sample has is refused`(n: Int, mean: Double, m2: Double) {
    #expect(Moments(n: n, mean: mean, m2: m2) == nil)
  }

  @Test func `One value that deviates from itself is refused`() {
    #expect(Moments(n: 1, mean: 3, m2: 0.5) == nil)
  }
}
