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

  @Test func `Without a window no block has a rank`() {
    #expect(TaylorRanking.rank(history([blockHistory(gaps: [])]), over: nil) == [nil])
  }
}
