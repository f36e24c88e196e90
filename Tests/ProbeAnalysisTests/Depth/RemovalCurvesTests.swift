import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct RemovalCurvesTests {
  private static func curves(
    _ orders: [RemovalOrder], _ ablations: [Ablation], blocks: Int = 4
  ) -> RemovalCurves? {
    RemovalCurves(run((0..<blocks).map { residual($0) }, examination(ablations, orders: orders)))
  }

  @Test func `the points of an order are the beginnings that were measured`() throws {
    let curves = try #require(
      Self.curves(
        [RemovalOrder(strategy: .greedy, ordinals: [2, 0, 3])],
        [removed([2], 0.1), removed([0], 9), removed([0, 2, 3], 0.3), removed([0, 3], 9)]))
    let points = try #require(curves.greedy).points
    #expect(points.map(\.dropped) == [1, 3])
    #expect(points.map(\.ordinals) == [[2], [2, 0, 3]])
    #expect(points.map(\.lossChange) == [0.1, 0.3])
  }

  @Test func `orders of one set share its ablation`() throws {
    let all = removed([0, 1], 0.5)
    let curves = try #require(
      Self.curves(
        [
          RemovalOrder(strategy: .random, number: 1, ordinals: [0, 1]),
          RemovalOrder(strategy: .greedy, ordinals: [1, 0]),
          RemovalOrder(strategy: .random, number: 0, ordinals: [1, 0]),
          RemovalOrder(strategy: .deepestFirst, ordinals: [1, 0]),
        ], [all]))
    #expect(curves.all.map(\.order.strategy) == [.greedy, .deepestFirst, .random, .random])
    #expect(curves.all.map(\.order.number) == [0, 0, 0, 1])
    #expect(curves.all.allSatisfy { $0.points.map(\.ablation) == [all] })
  }

  @Test func `rows put the orders side by side, random ones of unequal length too`() throws {
    let curves = try #require(
      Self.curves(
        [
          RemovalOrder(strategy: .greedy, ordinals: [0, 1]),
          RemovalOrder(strategy: .deepestFirst, ordinals: [3, 2, 1]),
          RemovalOrder(strategy: .random, number: 0, ordinals: [1, 2, 3]),
          RemovalOrder(strategy: .random, number: 1, ordinals: [2]),
          RemovalOrder(strategy: .random, number: 2, ordinals: [3]),
        ],
        [
          removed([0], 0.1), removed([0, 1], 0.2), removed([3], 0.4), removed([1], 0.3),
          removed([2], 0.5), removed([1, 2, 3], 2),
        ]))
    #expect(curves.rows.map(\.dropped) == [1, 2, 3])
    let greedy: [Double?] = [0.1, 0.2, nil]
    let deepestFirst: [Double?] = [0.4, nil, 2]
    #expect(curves.rows.map { $0.greedy?.lossChange } == greedy)
    #expect(curves.rows.map { $0.deepestFirst?.lossChange } == deepestFirst)
    #expect(curves.rows.map(\.random.count) == [3, 0, 1])
    #expect(curves.rows[0].randomMean.map { agree($0, 0.4, within: 1e-12) } == true)
    #expect(curves.rows[0].randomRange == 0.3...0.5)
    #expect(curves.rows[1].randomMean == nil && curves.rows[1].randomRange == nil)
    #expect(curves.rows[2].randomRange == 2...2)
  }

  @Test func `a curve first exceeds the tolerance where it does, even if it comes back`() throws {
    let order = RemovalOrder(strategy: .greedy, ordinals: [0, 1, 2])
    let curve = try #require(
      Self.curves([order], [removed([0], 0.01), removed([0, 1], 0.2), removed([0, 1, 2], 0.02)])
    ).all[0]
    #expect(curve.firstAbove(0.05)?.dropped == 2)
    #expect(curve.lastWithin(0.05)?.dropped == 1)
    #expect(curve.firstAbove(0.2) == nil && curve.lastWithin(0.2)?.dropped == 3)
    #expect(curve.lastWithin(0.001) == nil && curve.firstAbove(0.001)?.dropped == 1)
    #expect(curve.firstAbove(0.01)?.dropped == 2, "as much as the tolerance is within it")
  }

  @Test func `a loss that is no longer finite exceeds every tolerance`() throws {
    let order = RemovalOrder(strategy: .random, ordinals: [0, 1])
    let curves = try #require(Self.curves([order], [removed([0], 0), removed([0, 1], nil)]))
    #expect(curves.all[0].firstAbove(1e300)?.dropped == 2)
    #expect(curves.rows[1].randomMean == .infinity)
    #expect(curves.rows[1].randomRange == .infinity ... .infinity)
  }

  @Test func `orders without a measured set, of unknown blocks or with one twice are left out`() {
    let ablations = [removed([0], 0.1), removed([0, 9], 0.1)]
    #expect(Self.curves([], ablations) == nil)
    #expect(Self.curves([RemovalOrder(strategy: .greedy, ordinals: [3, 2])], ablations) == nil)
    #expect(Self.curves([RemovalOrder(strategy: .greedy, ordinals: [])], ablations) == nil)
    #expect(Self.curves([RemovalOrder(strategy: .greedy, ordinals: [0, 9])], ablations) == nil)
    #expect(Self.curves([RemovalOrder(strategy: .greedy, ordinals: [0, 0])], ablations) == nil)
    #expect(
      Self.curves([RemovalOrder(strategy: .greedy, place: 1, ordinals: [0])], ablations) == nil,
      "a stretch of an order is no order")
    #expect(RemovalCurves(run([residual(0)], nil)) == nil)
  }
}
