import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct PathLengthTests {
  private static func block(
    _ ordinal: Int, gain: Double?, kind: Block.Kind = .residual
  )
    -> BlockHistory
  {
    measured(
      Block(
        ordinal: ordinal, name: "\(ordinal)", kind: kind,
        shortcut: kind == .residual ? .identity : .none)
    ) { _, statistics in
      if let gain { statistics.branchGain = Moments(n: 64, mean: gain, m2: 0)! }
    }
  }

  @Test func `branches as strong as the shortcut halve the depth, with a binomial spread`() throws {
    let length = try #require(PathLength((0..<54).map { Self.block($0, gain: 1) }))
    #expect(length.mean == 27)
    #expect(agree(length.spread, (54.0 / 4).squareRoot(), within: 1e-12))
    #expect((length.counted, length.blocks) == (54, 54))
  }

  @Test func `mean and spread are those of all paths by weight`() throws {
    let gains = [0.2, 3, 0.7, 0.05, 1.4]
    let length = try #require(
      PathLength(gains.enumerated().map { Self.block($0.offset, gain: $0.element) }))
    var (weight, sum, squares) = (0.0, 0.0, 0.0)
    for path in 0..<(1 << gains.count) {
      let through = gains.indices.filter { path >> $0 & 1 == 1 }
      let own = through.reduce(1) { $0 * gains[$1] }
      weight += own
      sum += own * Double(through.count)
      squares += own * Double(through.count * through.count)
    }
    let mean = sum / weight
    #expect(agree(length.mean, mean, within: 1e-12))
    #expect(agree(length.spread, (squares / weight - mean * mean).squareRoot(), within: 1e-12))
  }

  @Test func `a dead branch is on no path and one without bounds is on all`() throws {
    let length = try #require(
      PathLength([Self.block(0, gain: 0), Self.block(1, gain: .greatestFiniteMagnitude)]))
    #expect(length.mean == 1 && length.spread == 0)
    #expect(length.shares == [0: 0, 1: 1])
  }

  @Test func `blocks without a gain are counted beside, plain and dense ones not at all`() throws {
    let length = try #require(
      PathLength([
        Self.block(0, gain: 1), Self.block(1, gain: nil), Self.block(2, gain: 1, kind: .plain),
        Self.block(3, gain: 1, kind: .concat),
      ]))
    #expect((length.counted, length.blocks, length.mean) == (1, 2, 0.5))
  }

  @Test func `without any gain there is no path length`() {
    #expect(PathLength([]) == nil)
    #expect(PathLength([Self.block(0, gain: nil)]) == nil)
    #expect(PathLength([Self.block(0, gain: 1, kind: .plain)]) == nil)
  }
}
