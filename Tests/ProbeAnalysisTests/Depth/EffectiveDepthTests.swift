import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct EffectiveDepthTests {
  private static func depth(_ scores: [Double]) -> (participation: Double, entropy: Double) {
    guard case .blocks(let participation, let entropy) = EffectiveDepth.extent(of: scores) else {
      return (.nan, .nan)
    }
    return (participation, entropy)
  }

  @Test(arguments: [1, 2, 9, 27, 1000])
  func `equal scores give as many blocks as there are`(count: Int) {
    let depth = Self.depth([Double](repeating: 0.3, count: count))
    #expect(agree(depth.participation, Double(count), within: 1e-12))
    #expect(agree(depth.entropy, Double(count), within: 1e-12))
  }

  @Test func `one block that does all is one block`() {
    let depth = Self.depth([0, 0, 4, 0, 0])
    #expect(depth.participation == 1 && depth.entropy == 1)
  }

  @Test
  func `one to three is 1.6 blocks by participation and 4 over the fourth root of 27 by entropy`() {
    let depth = Self.depth([1, 3])
    #expect(agree(depth.participation, 1.6, within: 1e-15))
    #expect(agree(depth.entropy, 4 / pow(27, 0.25), within: 1e-15))
  }

  @Test func `scores that halve from block to block are three blocks by participation`() {
    // (Σ2⁻ⁱ)²/Σ4⁻ⁱ = 4/(4/3); the entropy of a geometric distribution of 1/2 is 2 ln 2.
    let depth = Self.depth((0..<60).map { pow(0.5, Double($0)) })
    #expect(agree(depth.participation, 3, within: 1e-12))
    #expect(agree(depth.entropy, 4, within: 1e-12))
  }

  @Test(arguments: [1e-160, 1e-3, 7, 1e160, 1e300])
  func `no scale and no order of the blocks changes it`(factor: Double) {
    let scores = [0.3, 0, 1.2, 0.004, 0.9, 0.3]
    let plain = Self.depth(scores)
    let scaled = Self.depth(scores.reversed().map { $0 * factor })
    #expect(agree(plain.participation, scaled.participation, within: 1e-12))
    #expect(agree(plain.entropy, scaled.entropy, within: 1e-12))
  }

  @Test func `participation is never the greater, and both lie between one block and all`() {
    var random = SplitMix64(seed: 2)
    for _ in 0..<300 {
      let count = Int.random(in: 1...40, using: &random)
      let depth = Self.depth((0..<count).map { _ in exp(3 * random.normal()) })
      #expect(depth.participation <= depth.entropy * (1 + 1e-12))
      #expect(depth.participation >= 1 - 1e-12)
      #expect(depth.entropy <= Double(count) + 1e-9)
    }
  }

  @Test func `nothing measured and all zero are told apart`() {
    #expect(EffectiveDepth.extent(of: []) == .notMeasured)
    #expect(EffectiveDepth.extent(of: [0, 0, 0]) == .allZero)
    let none = EffectiveDepth(.taylorImportance, of: run([residual(0)], nil).blocks)
    #expect(none.extent == .notMeasured && none.shares.isEmpty && none.participation == nil)
    let zero = EffectiveDepth(.taylorImportance, of: run([residual(0)], taylor: [0], nil).blocks)
    #expect(zero.extent == .allZero && zero.counted == 1 && zero.shares.isEmpty)
  }

  @Test func `a block without the score is no block of it and stays counted among all`() {
    var blocks = run((0..<4).map { residual($0) }, taylor: [1, 1, 1, 1], nil).blocks
    for index in blocks[1].recent.indices {
      blocks[1].recent[index].statistics.taylorImportance = Moments()
    }
    let depth = EffectiveDepth(.taylorImportance, of: blocks)
    #expect((depth.counted, depth.blocks) == (3, 4))
    let third = 1.0 / 3
    #expect(depth.shares == [0: third, 2: third, 3: third])
    #expect(depth.participation.map { agree($0, 3, within: 1e-12) } == true)
  }

  @Test func `a loss that falls without a block counts nothing, one that breaks has no number`() {
    let blocks = run((0..<4).map { residual($0) }, nil).blocks
    let singles = [
      0: removed([0], 0.2), 1: removed([1], -0.5), 2: removed([2], nil), 3: removed([3], 0.2),
    ]
    let depth = EffectiveDepth(.ablation, of: blocks, singles: singles)
    #expect((depth.counted, depth.blocks) == (3, 4))
    #expect(depth.participation == 2)
    #expect(depth.shares == [0: 0.5, 1: 0, 3: 0.5])
  }

  @Test func `each score is what its name says of a block's recent records`() {
    let block = measured(residual(0), count: 2, reference: nil) { index, statistics in
      statistics.identityGap.p50 = [0.1, 0.3][index]
      statistics.blockInfluence = Moments(n: 64, mean: [0.02, 0.06][index], m2: 0)!
      statistics.taylorImportance = Moments(n: 64, mean: [1, 2][index], m2: 0)!
    }
    func value(_ score: DepthScore) -> Double? {
      score.value(of: block, ablation: removed([0], 0.7))
    }
    #expect(value(.identityGapSquared).map { agree($0, 0.05, within: 1e-15) } == true)
    #expect(value(.blockInfluence).map { agree($0, 0.04, within: 1e-15) } == true)
    #expect(value(.taylorImportance) == 1.5)
    #expect(value(.ablation) == 0.7)
    #expect(DepthScore.ablation.value(of: block, ablation: nil) == nil)
  }

  @Test
  func `without recent records the latest one counts, and a value that is not finite does not`() {
    var block = measured(residual(0), count: 3, reference: nil) { index, statistics in
      statistics.identityGap.p50 = [0.1, .infinity, 0.3][index]
    }
    #expect(
      DepthScore.identityGapSquared.value(of: block, ablation: nil)
        .map { agree($0, 0.05, within: 1e-15) } == true)
    block.recent = []
    #expect(
      DepthScore.identityGapSquared.value(of: block, ablation: nil)
        .map { agree($0, 0.09, within: 1e-15) } == true)
    block.latest = nil
    #expect(DepthScore.identityGapSquared.value(of: block, ablation: nil) == nil)
  }
}
