import ProbeAnalysis
import Testing

@Suite struct AutoregressiveIntervalTests {
  private static func series(_ count: Int, seed: UInt64, time: Double = 5) -> [Double] {
    var generator = SplitMix64(seed: seed)
    return generator.autoregressive(count, time: time, deviation: 0.1).map { $0 - 3 }
  }

  @Test func `Bounds and p-values agree with dense covariance matrices in NumPy`() throws {
    for row in try VerdictOracle.load().series {
      let interval = try #require(AutoregressiveInterval(row.values))
      let scale = row.upper - row.lower
      let n = row.values.count
      #expect(abs(interval.mean - row.mean) < 1e-12)
      #expect(agree(interval.autocorrelation, row.autocorrelation, within: 1e-8), "n \(n)")
      #expect(abs(interval.lowerBound(confidence: 0.95) - row.lower) < 1e-7 * scale, "n \(n)")
      #expect(abs(interval.upperBound(confidence: 0.95) - row.upper) < 1e-7 * scale, "n \(n)")
      #expect(abs(interval.upperBound(confidence: 0.99) - row.upper99) < 1e-7 * scale, "n \(n)")
      let p = interval.pValue(meanAtLeast: -2.659260036932778)
      #expect(agree(p, row.pAtLeast, within: 1e-6), "n \(n)")
    }
  }

  @Test func `The p-value is below 5 percent exactly where the upper bound is below the threshold`()
    throws
  {
    for seed in 0..<50 as Range<UInt64> {
      let interval = try #require(AutoregressiveInterval(Self.series(25, seed: seed)))
      let upper = interval.upperBound(confidence: 0.95)
      #expect(interval.pValue(meanAtLeast: upper + 1e-9) < 0.05)
      #expect(interval.pValue(meanAtLeast: upper - 1e-9) > 0.05)
      #expect(abs(interval.probability(meanAtMost: upper) - 0.95) < 1e-11)
    }
  }

  @Test func `Shifting, scaling and reversing a series moves the bounds alike`() throws {
    let values = Self.series(40, seed: 7)
    let plain = try #require(AutoregressiveInterval(values))
    let moved = try #require(AutoregressiveInterval(values.map { 3 * $0 + 2 }))
    let reversed = try #require(AutoregressiveInterval(values.reversed()))
    for confidence in [0.8, 0.95, 0.999] {
      let upper = plain.upperBound(confidence: confidence)
      #expect(agree(moved.upperBound(confidence: confidence), 3 * upper + 2, within: 1e-9))
      #expect(agree(reversed.upperBound(confidence: confidence), upper, within: 1e-9))
    }
  }

  @Test func `Mirroring a series swaps the bounds`() throws {
    let values = Self.series(30, seed: 8)
    let plain = try #require(AutoregressiveInterval(values))
    let mirrored = try #require(AutoregressiveInterval(values.map { -$0 }))
    #expect(
      agree(
        mirrored.lowerBound(confidence: 0.95), -plain.upperBound(confidence: 0.95), within: 1e-9))
  }

  @Test func `A series that never changes has its value as both bounds`() throws {
    let interval = try #require(AutoregressiveInterval([Double](repeating: -3.7, count: 20)))
    #expect(interval.lowerBound(confidence: 0.95) == -3.7)
    #expect(interval.upperBound(confidence: 0.95) == -3.7)
    #expect(interval.pValue(meanAtLeast: -3.6) == 0)
    #expect(interval.pValue(meanAtLeast: -3.7) == 1)
    #expect(interval.probability(meanAtMost: -3.7) == 1)
  }

  @Test func `A series without a residual under some autocorrelation stays finite`() throws {
    let ramp = (0..<30).map { Double($0) }
    let powers = (0..<30).map { -Double(sign: .plus, exponent: -$0, significand: 1) }
    for values in [ramp, powers] {
      let interval = try #require(AutoregressiveInterval(values))
      #expect(interval.lowerBound(confidence: 0.95) < interval.upperBound(confidence: 0.95))
      #expect(interval.upperBound(confidence: 0.95).isFinite)
    }
  }

  @Test func `A slow series is wider than a fast one of the same spread`() throws {
    let fast = try #require(AutoregressiveInterval((0..<60).map { $0 % 2 == 0 ? 0.1 : -0.1 }))
    let slow = try #require(AutoregressiveInterval((0..<60).map { $0 < 30 ? 0.1 : -0.1 }))
    #expect(slow.upperBound(confidence: 0.95) > 3 * fast.upperBound(confidence: 0.95))
    #expect(slow.autocorrelation > 0.8)
    #expect(fast.autocorrelation < 0.2)
  }

  @Test func `Fewer than two values or one that is not finite have no interval`() {
    #expect(AutoregressiveInterval([]) == nil)
    #expect(AutoregressiveInterval([1]) == nil)
    #expect(AutoregressiveInterval([1, .nan, 2]) == nil)
  }

  @Test
  func
    `values whose squares vanish are one value, and such as have none that is finite are nothing`()
    throws
  {
    let tiny = try #require(AutoregressiveInterval((0..<60).map { 1e-320 * Double(1 + $0 % 3) }))
    #expect(tiny.upperBound(confidence: 0.95) == tiny.mean)
    #expect(AutoregressiveInterval((0..<60).map { 1.7e308 * ($0 % 2 == 0 ? 1 : -1) }) == nil)
    #expect(AutoregressiveInterval((0..<60).map { 1e200 * Double(1 + $0 % 3) }) == nil)
  }
}
