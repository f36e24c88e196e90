import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct GradientProfileTests {
  /// Blocks whose gradients have these norms at step 0 and those at all later steps.
  private static func run(
    start: [Double?], now: [Double?]? = nil, stages: [Int]? = nil,
    axis: (Int) -> Block.SampleAxis = { _ in .row }
  ) -> History {
    history(
      start.indices.map { ordinal in
        var block = residual(ordinal, stage: stages?[ordinal] ?? 0)
        block.sampleAxis = axis(ordinal)
        return measured(block) { index, statistics in
          guard let norm = index == 0 ? start[ordinal] : (now ?? start)[ordinal] else { return }
          statistics.outputGradNorm = Moments(n: 64, mean: norm, m2: 0)!
        }
      })
  }

  private static func geometric(_ count: Int, factor: Double) -> [Double] {
    (0..<count).map { pow(factor, Double($0)) }
  }

  @Test func `Slopes are those of least squares with a constant for each stage`() throws {
    let rows = try RankOracle.load().slopes
    #expect(rows.count == 3)
    for row in rows {
      let profile = GradientProfile(Self.run(start: row.levels, stages: row.stages))
      #expect(abs(try #require(profile.start?.slope) - row.slope) < 1e-9)
    }
  }

  @Test func `A sound network has ratios near 1 and no trouble`() {
    let profile = GradientProfile(Self.run(start: [4, 3, 2, 1], now: [0.2, 0.3, 0.2, 0.1]))
    #expect(profile.start?.ratio == 4)
    #expect(profile.now?.ratio == 2)
    #expect(profile.afterWarmUp?.step == 50)
    #expect(profile.troubles.isEmpty)
  }

  @Test func `A ratio above a thousand at step 0 is an explosion at initialisation`() {
    let deep = Self.geometric(54, factor: 1 / 1.2)
    #expect(GradientProfile(Self.run(start: deep)).troubles == [.explodingAtInitialisation])
    // It stays one where training has mended it, and is none where the birth was not seen.
    #expect(
      GradientProfile(Self.run(start: deep, now: Self.geometric(54, factor: 1.01))).troubles
        == [.explodingAtInitialisation])
    var attachedLater = Self.run(start: deep, now: Self.geometric(54, factor: 1.01))
    for place in attachedLater.blocks.indices { attachedLater.blocks[place].first?.step = 10 }
    #expect(GradientProfile(attachedLater).start == nil)
    #expect(GradientProfile(attachedLater).troubles.isEmpty)
  }

  @Test func `Gradients that come to explode or to vanish are named for what they are now`() {
    let flat = Self.geometric(10, factor: 1)
    #expect(
      GradientProfile(Self.run(start: flat, now: Self.geometric(10, factor: 0.4))).troubles
        == [.exploding])
    #expect(
      GradientProfile(Self.run(start: flat, now: Self.geometric(10, factor: 2.5))).troubles
        == [.vanishing])
    #expect(
      GradientProfile(Self.run(start: [1, 1, 1, 1], now: [0, 0, 0, 3])).troubles == [.vanishing],
      "no gradient at all reaches the first blocks")
  }

  @Test func `One block out of line is not depth`() {
    // The ratio is great, yet gradients grow towards the output.
    let odd = [1e5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 10]
    #expect(GradientProfile(Self.run(start: odd)).troubles.isEmpty)
  }

  @Test func `A ratio that one place makes is not depth either`() {
    // As in CaiT: the last blocks read one token, all others get next to no gradient, evenly.
    let steps = [Double](repeating: 1e-6, count: 20) + [0.5, 1]
    let stages = [Int](repeating: 0, count: 20) + [1, 1]
    #expect(GradientProfile(Self.run(start: steps, stages: stages)).troubles.isEmpty)
    // Every block a stage of its own: nothing says that depth does it.
    #expect(
      GradientProfile(Self.run(start: [1e9, 1e6, 1e3, 1], stages: [0, 1, 2, 3])).troubles.isEmpty)
  }

  @Test func `A few records do not say what is so now`() {
    var history = Self.run(
      start: Self.geometric(10, factor: 1), now: Self.geometric(10, factor: 2.5))
    for place in history.blocks.indices {
      history.blocks[place].recent = Array(history.blocks[place].recent.suffix(4))
    }
    #expect(GradientProfile(history).now?.records == 4)
    #expect(GradientProfile(history).troubles.isEmpty)
  }

  @Test func `Without gradients, with one block or all zeros nothing is said`() {
    #expect(GradientProfile(Self.run(start: [nil, nil])).now == nil)
    #expect(GradientProfile(Self.run(start: [1e9])).now?.ratio == nil)
    let zeros = GradientProfile(Self.run(start: [0, 0, 0]))
    #expect(zeros.now?.ratio == nil)
    #expect(zeros.now?.slope == nil)
    #expect(zeros.troubles.isEmpty)
    #expect(GradientProfile(history([])).now == nil)
  }

  @Test func `Blocks of another kind of sample are left out`() {
    let profile = GradientProfile(
      Self.run(start: [1e7, 2, 2, 1], axis: { $0 == 0 ? .row : .token }))
    #expect(profile.start?.levels == [nil, 2, 2, 1])
    #expect(profile.start?.ratio == 2)
  }

  @Test func `Scaling the loss changes neither ratio nor slope`() throws {
    var random = SplitMix64(seed: 2)
    for _ in 0..<20 {
      let levels = (0..<12).map { _ in exp(random.normal()) }
      let a = try #require(GradientProfile(Self.run(start: levels)).now)
      let b = try #require(GradientProfile(Self.run(start: levels.map { $0 * 1024 })).now)
      #expect(a.ratio == b.ratio)
      #expect(abs(try #require(a.slope) - #require(b.slope)) < 1e-12)
    }
  }

  @Test func `A spike in one record does not speak for now`() {
    var history = Self.run(start: [1, 1, 1])
    history.blocks[0].recent[20].statistics.outputGradNorm = Moments(n: 64, mean: 1e9, m2: 0)!
    #expect(GradientProfile(history).now?.ratio == 1)
  }
}
