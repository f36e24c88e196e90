import ProbeCore
import ProbeRecorder
import Testing

@Suite struct RemovalCurveTests {
  /// What a network would do whose loss without some blocks is known.
  private func curve(
    _ blocks: [Int], _ change: @escaping ([Int]) -> Double
  ) -> (greedy: [Int], orders: [RemovalOrder], sets: [[Int]]) {
    var orders: [RemovalOrder] = []
    var sets: [[Int]] = []
    RemovalCurve(of: blocks).measure(order: { orders.append($0) }) { set in
      sets.append(set)
      let value = change(set)
      return Ablation(
        removing: set, from: ProbeSetLosses(losses: [0, 0]),
        leaving: ProbeSetLosses(losses: [value, 0]))
    }
    let greedy = orders.filter { $0.strategy == .greedy }
    #expect(greedy.map(\.place) == Array(greedy.indices))
    return (greedy.flatMap(\.ordinals), orders.filter { $0.strategy != .greedy }, sets)
  }

  @Test func `where losses add up the greedy order is that of the single blocks`() {
    let costs = [3.0, 1, 4, 1.5, 9, 2, 6]
    let found = curve(Array(0..<7)) { $0.map { costs[$0] }.reduce(0, +) }
    #expect(found.greedy == [1, 3, 5, 0, 2, 6, 4])
  }

  @Test func `of two blocks that stand in for each other one goes, and the other stays`() {
    // Either costs nothing alone, both together cost 10; every other costs 1.
    let found = curve(Array(0..<6)) { set in
      Double(set.count { $0 > 1 }) + (set.contains(0) && set.contains(1) ? 10 : 0)
    }
    #expect(found.greedy.first == 0 && found.greedy.last == 1)
  }

  @Test func `no set is measured twice, and a loss that is not finite comes last`() {
    let found = curve(Array(0..<5)) { $0.contains(3) ? .nan : 1 }
    #expect(Set(found.sets).count == found.sets.count)
    #expect(found.greedy == [0, 1, 2, 4, 3])
  }

  @Test func `choices look at every other sample alone`() {
    var greedy: [Int] = []
    RemovalCurve(of: [0, 1]).measure(
      order: { if $0.strategy == .greedy { greedy += $0.ordinals } },
      { set in
        // Block 1 is the cheaper one on even samples, block 0 on odd ones and in the mean.
        let losses = set == [1] ? [0.0, 9] : [1.0, 0]
        return Ablation(
          removing: set, from: ProbeSetLosses(losses: [0, 0]),
          leaving: ProbeSetLosses(losses: losses))
      })
    #expect(greedy == [1, 0])
  }

  @Test func `the other orders are the deepest first and three by chance, the same each time`() {
    let found = curve(Array(0..<20)) { Double($0.count) }
    #expect(found.orders.map(\.strategy) == [.deepestFirst, .random, .random, .random])
    #expect(found.orders[0].ordinals == (0..<20).reversed())
    #expect(Set(found.orders.map(\.ordinals)).count == 4)
    #expect(found.orders == curve(Array(0..<20)) { Double($0.count) }.orders)
    for order in found.orders { #expect(order.ordinals.sorted() == Array(0..<20)) }
  }

  @Test(arguments: [1, 2, 12, 13, 27, 200])
  func `curves hold the first, the half and the last`(blocks: Int) {
    let counts = RemovalCurve.counts(of: blocks)
    #expect(counts == Set(counts).sorted() && counts.first == 1 && counts.last == blocks)
    #expect(counts.contains(max(1, blocks / 2)) && counts.count <= 14)
  }

  @Test func `without blocks there is nothing to remove`() {
    let found = curve([]) { _ in 0 }
    #expect(found.orders.isEmpty && found.sets.isEmpty && RemovalCurve(of: []).knownSets.isEmpty)
  }
}
