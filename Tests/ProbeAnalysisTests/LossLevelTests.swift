import Foundation
import ProbeAnalysis
import Testing

@Suite struct LossLevelTests {
  @Test func `the level is the geometric mean, and scaling the losses scales it with its bounds`()
    throws
  {
    let losses = wavering(0.4, count: 40)
    let level = try #require(LossLevel(losses))
    let scaled = try #require(LossLevel(losses.map { 8 * $0 }))
    let mean = exp(losses.reduce(0) { $0 + log($1) } / 40)
    #expect(abs(level.value - mean) < 1e-12)
    #expect(level.lower < level.value && level.value < level.upper && level.records == 40)
    for (a, b) in [
      (level.value, scaled.value), (level.lower, scaled.lower), (level.upper, scaled.upper),
    ] {
      #expect(abs(8 * a - b) < 1e-9 * b)
    }
  }

  @Test func `its bounds are those of the logarithms' interval`() throws {
    let losses = (0..<60).map { 0.02 * (1 + 0.5 * [0.1, -0.4, 0.9, -0.6][$0 % 4]) }
    let interval = try #require(AutoregressiveInterval(losses.map { log($0) }))
    let level = try #require(LossLevel(losses))
    #expect(abs(log(level.lower) - interval.lowerBound(confidence: 0.95)) < 1e-9)
    #expect(abs(log(level.upper) - interval.upperBound(confidence: 0.95)) < 1e-9)
  }

  @Test func `a loss at or below zero is taken as it is`() throws {
    let level = try #require(LossLevel([0, 1, 0, 1, 0, 1]))
    #expect(!level.isPositive && abs(level.value - 0.5) < 1e-12)
    #expect(level.lower < 0.5 && level.upper > 0.5)
  }

  @Test func `four finite losses make no level, and a constant one has itself as bounds`() throws {
    #expect(LossLevel([1, 1, 1, 1]) == nil)
    #expect(LossLevel([1, 1, 1, 1, .nan]) == nil)
    #expect(LossLevel([]) == nil)
    let level = try #require(LossLevel([2, 2, 2, 2, 2]))
    #expect(abs(level.lower - 2) < 1e-12 && abs(level.upper - 2) < 1e-12)
  }

  @Test func `a loss that falls over the window counts by its last third`() throws {
    // Fallen, and at rest in the last third.
    let falling: [Double] = (0..<60).map { 10 * exp(-Double($0) / 8) }
    let rest: [Double] = (0..<20).map { [0.061, 0.059, 0.06][$0 % 3] }
    let losses = falling.prefix(40) + rest
    let level = try #require(LossLevel(Array(losses)))
    #expect(level.records == 20 && !level.isFalling)
    #expect(abs(level.value - 0.06) < 0.002 && level.upper < 0.065)
    let still = try #require(LossLevel(falling))
    #expect(still.records == 20 && still.isFalling)
    let wavering60 = try #require(LossLevel(wavering(0.4, count: 60)))
    #expect(!wavering60.isFalling)
    // What rises counts whole, and so does what is too short for thirds.
    let rising = try #require(LossLevel(Array(falling.reversed())))
    #expect(rising.records == 60)
    let short = try #require(LossLevel([10, 8, 6, 4, 2, 1]))
    #expect(short.records == 6 && short.isFalling)
  }

  @Test func `losses of any size have a level`() throws {
    for huge in [1.7e308, .greatestFiniteMagnitude, 1e200, 1e-300] {
      let level = try #require(LossLevel((0..<60).map { $0 % 2 == 0 ? huge : -huge }))
      #expect(abs(level.value) < huge && !level.isPositive)
      #expect(level.lower < 0 && 0 < level.upper)
      let positive = try #require(LossLevel((0..<60).map { $0 % 2 == 0 ? huge : 1 }))
      #expect(positive.isPositive && positive.value > 0)
      let both = try #require(LossLevel.together([level, level]))
      #expect(both.value.isFinite)
    }
  }

  @Test func `a wander under noise widens the bounds of a long series`() throws {
    var generator = SplitMix64(seed: 9)
    let wander = generator.autoregressive(400, time: 40, deviation: 0.3)
    let values = wander.map { 0.1 * exp($0 + 0.5 * generator.normal()) }
    let level = try #require(LossLevel(values))
    let single = try #require(AutoregressiveInterval(values.map { log($0) }))
    #expect(log(level.upper) > single.upperBound(confidence: 0.95))
  }

  @Test func `of three runs on the runs are the sample, whatever their own intervals are`() throws {
    func level(_ value: Double, spread: Double) throws -> LossLevel {
      try #require(LossLevel((0..<60).map { value * ($0 % 2 == 0 ? spread : 1 / spread) }))
    }
    let levels = try [level(1, spread: 1.1), level(2, spread: 3), level(4, spread: 1.1)]
    let three = try #require(LossLevel.together(levels))
    // ln 2 on each side of ln 2: t(0.95, 2) · ln 2 / √3 = 2.919986 · 0.400189.
    #expect(agree(three.value, 2, within: 1e-9))
    #expect(agree(log(three.upper / three.value), 1.168545, within: 1e-5))
    #expect(agree(log(three.value / three.lower), 1.168545, within: 1e-5))
    let two = try #require(LossLevel.together(Array(levels.prefix(2))))
    #expect(two.lower == min(levels[0].lower, levels[1].lower))
    #expect(two.upper == max(levels[0].upper, levels[1].upper))
  }
}
