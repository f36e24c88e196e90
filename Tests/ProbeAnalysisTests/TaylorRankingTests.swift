import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct TaylorRankingTests {
  private static func ranks(_ values: [Double?]) -> [TaylorRanking?] {
    let blocks = values.enumerated().map { ordinal, value in
      var block = blockHistory(ordinal, gaps: wavering(0.2))
      block.window = (0..<100).map { index in
        // Records before the window must not count.
        record(10 * index, gap: 0.2, taylor: value.map { index < 80 ? 100 - $0 : $0 })
      }
      return block
    }
    let history = history(blocks)
    return TaylorRanking.rank(
      history, over: VerdictWindow(steps: history.steps, settings: VerdictSettings()))
  }

  @Test func `The greatest is first and shares add up to one`() {
    let ranks = Self.ranks([1, 5, 2])
    #expect(ranks.map { $0?.rank } == [3, 1, 2])
    #expect(ranks.map { $0?.share } == [0.125, 0.625, 0.25])
  }

  @Test func `Equal blocks share a rank and leave the next one out`() {
    #expect(Self.ranks([4, 1, 4, 3]).map { $0?.rank } == [1, 4, 1, 3])
  }

  @Test func `A block without the statistic has no rank`() {
    #expect(Self.ranks([nil, 2, nil]).map { $0?.rank } == [nil, 1, nil])
    #expect(Self.ranks([nil, 2, nil])[1]?.share == 1)
  }

  @Test func `Where no block matters all are first with a share of 0`() {
    #expect(Self.ranks([0, 0]).map { $0?.rank } == [1, 1])
    #expect(Self.ranks([0, 0]).map { $0?.share } == [0, 0])
  }

  /// The ranking of blocks whose values are given record by record.
  private static func groups(_ values: [[Double]]) -> [TaylorRanking?] {
    let history = history(
      values.enumerated().map { ordinal, series in
        var block = blockHistory(ordinal, gaps: wavering(0.2))
        block.window = series.enumerated().map { record(800 + 10 * $0, gap: 0.2, taylor: $1) }
        return block
      })
    return TaylorRanking.rank(
      history, over: VerdictWindow(steps: history.steps, settings: VerdictSettings()))
  }

  @Test func `Blocks that are not told apart share a group and its places`() {
    var random = SplitMix64(seed: 4)
    let ranks = Self.groups(
      [1.0, 0.3, 0.29, 0.3, 0.01].map { level in
        (0..<20).map { _ in level * (1 + 0.2 * random.normal()).magnitude }
      })
    #expect(ranks.map { $0?.group } == [1, 2, 2, 2, 3])
    #expect(ranks.map { $0?.places } == [1...1, 2...4, 2...4, 2...4, 5...5])
    #expect(Set(ranks[1...3].compactMap { $0?.rank }) == [2, 3, 4])
  }

  @Test func `What raises or lowers all blocks together does not blur their order`() {
    var random = SplitMix64(seed: 6)
    let batch = (0..<20).map { 100 / Double(1 + $0) * (3 * random.normal()).magnitude + 1e-3 }
    let ranks = Self.groups([3, 2, 1].map { level in batch.map { level * $0 } })
    #expect(ranks.map { $0?.group } == [1, 2, 3])
  }

  @Test func `Blocks measured in turns are compared as they are`() {
    let history = history(
      (0..<2).map { ordinal in
        var block = blockHistory(ordinal, gaps: wavering(0.2))
        block.window = (0..<20).map {
          record(
            800 + 10 * $0, gap: 0.2,
            taylor: $0 % 2 == ordinal ? Double(ordinal + 1) * (1 + 0.01 * Double($0 % 3)) : nil)
        }
        return block
      })
    let ranks = TaylorRanking.rank(
      history, over: VerdictWindow(steps: history.steps, settings: VerdictSettings()))
    #expect(ranks.map { $0?.rank } == [2, 1])
    #expect(ranks.map { $0?.group } == [2, 1])
  }

  @Test func `One record tells no two blocks apart, and blocks at zero come last together`() {
    #expect(Self.groups([[5], [1]]).map { $0?.group } == [1, 1])
    #expect(
      Self.groups([[0, 0, 0], [1, 1, 1], [0, 0, 0]]).map { $0?.places } == [2...3, 1...1, 2...3])
  }

  @Test func `Scaling the loss and permuting the blocks change no rank, share or group`() {
    var random = SplitMix64(seed: 7)
    let series = (0..<12).map { block in
      (0..<20).map { _ in (0.5 * random.normal() - 0.1 * Double(block)).magnitude + 0.01 }
    }
    let ranks = Self.groups(series)
    #expect(
      Self.groups(series.map { $0.map { $0 * 4096 } }).map { $0?.group } == ranks.map { $0?.group })
    let order = Array(0..<12).shuffled(using: &random)
    let permuted = Self.groups(order.map { series[$0] })
    #expect(permuted.map { $0?.rank } == order.map { ranks[$0]?.rank })
    #expect(permuted.map { $0?.group } == order.map { ranks[$0]?.group })
  }

  @Test func `Without a window no block has a rank`() {
    #expect(TaylorRanking.rank(history([blockHistory(gaps: [])]), over: nil) == [nil])
  }
}
