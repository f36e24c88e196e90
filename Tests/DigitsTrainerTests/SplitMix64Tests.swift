import DigitsTrainer
import Testing

@Suite struct SplitMix64Tests {
  @Test func `the numbers are those of the reference implementation`() {
    var generator = SplitMix64(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test func `a permutation holds every number once`() {
    var generator = SplitMix64(seed: 3)
    let order = generator.permutation(of: 1000)
    #expect(order != Array(0..<1000))
    #expect(order.sorted() == Array(0..<1000))
    #expect(generator.permutation(of: 0).isEmpty)
  }

  @Test func `normal draws have mean 0, variance 1 and the tails of a normal distribution`() {
    var generator = SplitMix64(seed: 9)
    let draws = (0..<100_000).map { _ in generator.normal() }
    let mean = draws.reduce(0, +) / 100_000
    let square = draws.reduce(0) { $0 + $1 * $1 } / 100_000
    #expect(abs(mean) < 0.015)
    #expect(abs(square - 1) < 0.02)
    #expect((4200...4900).contains(draws.count { abs($0) > 2 }))
  }
}
