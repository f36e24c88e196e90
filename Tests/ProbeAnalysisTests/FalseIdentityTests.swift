import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

/// How often a block at ε is called an identity, and how often one below it is recognised.
///
/// The rates stand in Verdicts.md and in decision 3. Series
/// are AR(1) with ρ = exp(−1/τ), τ in records.
@Suite struct FalseIdentityTests {
  /// The p-values of "the gap is ε or more" over replicates with ln gap at `offset` from ln ε.
  private static func pValues(
    _ replicates: Int, records: Int, time: Double, offset: Double, deviation: Double = 0.1,
    fall: Double = 0, noise: Double = 0
  ) -> [Double] {
    var generator = SplitMix64(seed: UInt64(1_000 * records) + UInt64(10 * time))
    return (0..<replicates).map { _ in
      let values = generator.autoregressive(records, time: time, deviation: deviation)
      let series = GapSeries(
        values.enumerated().map { index, value in
          let trend = fall * (0.5 - Double(index) / Double(records - 1))
          let noise = noise > 0 ? noise * generator.normal() : 0
          return record(index, gap: 0.05 * exp(value + offset + trend + noise))
        })
      return GapInterval(series)!.pValue(gapAtLeast: 0.05)
    }
  }

  private static func share(_ values: [Double], below level: Double) -> Double {
    Double(values.count { $0 < level }) / Double(values.count)
  }

  @Test(arguments: [20, 60, 200], [0.0, 5, 20])
  func `A block exactly at ε is called an identity in at most 8 percent of runs`(
    records: Int, time: Double
  ) {
    let p = Self.pValues(5_000, records: records, time: time, offset: 0)
    let rates = [0.05, 0.005, 0.0019].map { Self.share(p, below: $0) }
    #expect(rates[0] <= 0.08, "measured \(rates)")
    // Holm asks for small levels; there the rate must not exceed the level but by chance.
    #expect(rates[1] <= 0.007)
    #expect(rates[2] <= 0.003)
  }

  @Test(arguments: [(30, 0.0), (60, 0.8), (100, 1.5), (200, 3), (400, 6)])
  func `A block 10 percent below ε is recognised in 95 percent of runs given 30 effective records`(
    records: Int, time: Double
  ) {
    let rho = time > 0 ? exp(-1 / time) : 0
    #expect(Double(records) * (1 - rho) / (1 + rho) >= 30)
    let power = Self.share(
      Self.pValues(2_500, records: records, time: time, offset: log(0.9)), below: 0.05)
    #expect(power >= 0.95, "measured \(power)")
  }

  /// A slow wander under noise from batch to batch is no AR(1) series.
  ///
  /// The rate is above 8 percent where the wander is the weaker of the two; the limit there keeps
  /// it from growing back to the 24 percent of a single look.
  @Test(arguments: [(200, 5, 0.1, 0.09), (400, 20, 0.1, 0.08), (400, 20, 0.05, 0.13)])
  func `Noise from batch to batch does not hide a slow wander in a long window`(
    records: Int, time: Double, deviation: Double, limit: Double
  ) {
    let p = Self.pValues(
      2_000, records: records, time: time, offset: 0, deviation: deviation, noise: 0.1)
    #expect(Self.share(p, below: 0.05) <= limit, "measured \(Self.share(p, below: 0.05))")
  }

  @Test(arguments: [20, 60], [5.0, 20])
  func
    `A block far below ε is recognised beside 26 others, though its gap falls and wanders slowly`(
      records: Int, time: Double
    )
  {
    let p = Self.pValues(
      500, records: records, time: time, offset: log(0.1), fall: 0.5)
    #expect(Self.share(p, below: 0.05 / 27) >= 0.99)
  }
}
