import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct GapIntervalTests {
  private static func interval(_ gaps: [Double]) throws -> GapInterval {
    try #require(
      GapInterval(GapSeries(gaps.enumerated().map { record($0.offset, gap: $0.element) })))
  }

  private static func gaps(_ count: Int, seed: UInt64, mean: Double, rise: Double = 0) -> [Double] {
    var generator = SplitMix64(seed: seed)
    return generator.autoregressive(count, time: 2, deviation: 0.1).enumerated().map {
      mean * exp($0.element + rise * (Double($0.offset) / Double(count - 1) - 0.5))
    }
  }

  @Test func `Scaling every gap scales the interval`() throws {
    let gaps = Self.gaps(60, seed: 1, mean: 0.04)
    let plain = try Self.interval(gaps)
    let scaled = try Self.interval(gaps.map { $0 * 8 })
    #expect(agree(scaled.centre, 8 * plain.centre, within: 1e-9))
    #expect(
      agree(
        scaled.lowerBound(confidence: 0.95), 8 * plain.lowerBound(confidence: 0.95), within: 1e-9))
    #expect(
      agree(
        scaled.upperBound(confidence: 0.95), 8 * plain.upperBound(confidence: 0.95), within: 1e-9))
    #expect(
      plain.lowerBound(confidence: 0.95) < plain.centre
        && plain.centre < plain.upperBound(confidence: 0.95))
  }

  @Test func `A window that is all floor has the bounds 0 and the p-value 0`() throws {
    let interval = try Self.interval([Double](repeating: 0, count: 20) + [1e-9])
    #expect(
      interval.lowerBound(confidence: 0.95) == 0 && interval.upperBound(confidence: 0.95) == 0
        && interval.centre == 0)
    #expect(interval.pValue(gapAtLeast: 0.05) == 0)
  }

  @Test func `A gap of zero counts as the floor beside others`() throws {
    let interval = try Self.interval([0, 0x1p-18])
    #expect(agree(interval.centre, 0x1p-19, within: 1e-12))
  }

  @Test func `A rise moves the upper bound beyond where the gap is heading`() throws {
    let interval = try Self.interval(Self.gaps(60, seed: 2, mean: 0.03, rise: 0.8))
    let drift = try #require(interval.drift)
    #expect(drift.rise > 0.6)
    #expect(interval.upperBound(confidence: 0.95) > 0.03 * exp(0.8 / 3 + 0.8) * 0.9)
  }

  @Test func `A fall is charged to no bound`() throws {
    let interval = try Self.interval(Self.gaps(60, seed: 2, mean: 0.03, rise: -0.8))
    #expect(interval.drift == nil)
    #expect(interval.upperBound(confidence: 0.95) < 0.06)
  }

  @Test(arguments: [-0.8, 0, 0.3, 0.8])
  func `The p-value agrees with the upper bound, drift or not`(rise: Double) throws {
    for seed in 10..<30 as Range<UInt64> {
      let count = seed % 2 == 0 ? 30 : 160
      let interval = try Self.interval(Self.gaps(count, seed: seed, mean: 0.03, rise: rise))
      #expect(interval.pValue(gapAtLeast: interval.upperBound(confidence: 0.95) * 1.000001) < 0.05)
      #expect(interval.pValue(gapAtLeast: interval.upperBound(confidence: 0.95) * 0.999999) > 0.05)
    }
  }

  @Test func `Records without a median gap have no place in the series`() {
    var dropped = record(1, gap: 0.1)
    dropped.statistics.identityGap = LogDistribution()
    let series = GapSeries([record(0, gap: 0.1), dropped, record(2, gap: 1)])
    #expect(series.values == [log(0.1), 0])
    #expect(!series.isAllFloor)
    #expect(!GapSeries([dropped]).isAllFloor)
    #expect(GapInterval(GapSeries([dropped])) == nil)
  }
}
