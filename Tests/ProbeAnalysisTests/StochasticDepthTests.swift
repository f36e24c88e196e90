import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct StochasticDepthTests {
  /// Records of 64 samples of which a rule says how many were dropped.
  private static func find(
    configured: Double?, blocks: Int = 1, count: Int = 100, _ dropped: (Int, Int) -> Int
  ) -> [StochasticDepth] {
    let history = history(
      (0..<blocks).map { ordinal in
        measured(residual(ordinal, drop: configured), count: count) { index, statistics in
          statistics.dropped = dropped(ordinal, index)
        }
      })
    var settings = VerdictSettings()
    settings.windowShare = 1
    return StochasticDepth.find(
      in: history, over: VerdictWindow(steps: history.steps, settings: settings))
  }

  @Test func `Samples and batches dropped as configured are no finding in 2,000 blocks`() {
    var random = SplitMix64(seed: 8)
    func draw(_ p: Double) -> Bool { Double.random(in: 0..<1, using: &random) < p }
    for p in [0.01, 0.1, 0.5, 0.9] {
      let rows = Self.find(configured: p, blocks: 250) { _, _ in (0..<64).count { _ in draw(p) } }
      #expect(rows.isEmpty, "samples, \(p)")
      let batches = Self.find(configured: p, blocks: 250) { _, _ in draw(p) ? 64 : 0 }
      #expect(batches.isEmpty, "batches, \(p)")
    }
  }

  @Test func `Four micro-batches dropped as a whole each are no finding either`() {
    var random = SplitMix64(seed: 9)
    let found = Self.find(configured: 0.3, blocks: 500) { _, _ in
      (0..<4).reduce(0) { sum, _ in
        sum + (Double.random(in: 0..<1, using: &random) < 0.3 ? 16 : 0)
      }
    }
    #expect(found.isEmpty)
  }

  @Test func `Another share than configured is found, sample by sample and batch by batch`() throws
  {
    var random = SplitMix64(seed: 10)
    func draw(_ p: Double) -> Bool { Double.random(in: 0..<1, using: &random) < p }
    let rows = Self.find(configured: 0.1) { _, _ in (0..<64).count { _ in draw(0.2) } }
    #expect(rows.map(\.configured) == [0.1])
    #expect(try abs(#require(rows.first).dropped - 0.2) < 0.02)
    #expect(Self.find(configured: 0.5) { _, _ in draw(0.05) ? 64 : 0 }.count == 1)
  }

  @Test func `A mask that is never or always there is found`() {
    #expect(Self.find(configured: 0.5) { _, _ in 0 }.map(\.dropped) == [0])
    #expect(Self.find(configured: 0.5) { _, _ in 64 }.map(\.dropped) == [1])
    #expect(Self.find(configured: 1) { _, _ in 32 }.map(\.dropped) == [0.5])
  }

  @Test func `A small difference, few records and no stochastic depth are no finding`() {
    #expect(Self.find(configured: 0.25) { _, _ in 17 }.isEmpty, "0.266 for 0.25")
    #expect(Self.find(configured: 0.5, count: 19) { _, _ in 0 }.isEmpty)
    #expect(Self.find(configured: nil) { _, _ in 0 }.isEmpty)
    #expect(Self.find(configured: 0) { _, _ in 0 }.isEmpty)
    #expect(Self.find(configured: 0.1) { _, _ in -3 }.isEmpty, "no record can be so")
  }
}
