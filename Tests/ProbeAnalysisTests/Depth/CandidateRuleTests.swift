import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct CandidateRuleTests {
  /// The rule on a greedy order 0, 1, 2 … whose sets cost this; nil: not finite.
  private static func rule(
    _ ablations: [Ablation], blocks: Int, tolerance: Double = 0.05
  ) -> CandidateRule? {
    let order = RemovalOrder(strategy: .greedy, ordinals: Array(0..<blocks))
    let history = run((0..<blocks).map { residual($0) }, examination(ablations, orders: [order]))
    return RemovalCurves(history)?.greedy.map { CandidateRule($0, tolerance: tolerance) }
  }

  private static func first(
    _ count: Int, _ change: Double?, odd: Double? = nil, error: Double? = nil
  )
    -> Ablation
  {
    removed(
      Array(0..<count), change, odd: odd,
      error: error.map { .init(value: $0, lower: $0 - 0.005, upper: $0 + 0.005) })
  }

  @Test func `the held-out bound is the odd half with √2 times the margin`() {
    let ablation = removed([0], 0.03, margin: 0.01, odd: 0.04)
    #expect(ablation.heldOutUpper.map { agree($0, 0.04 + 0.0141421356, within: 1e-9) } == true)
    #expect(removed([0], nil).heldOutUpper == nil)
    #expect(removed([0], 1e308, margin: 1e308, odd: 1e308).heldOutUpper == nil, "no finite number")
  }

  @Test func `all of an order may go where every beginning is cheap`() {
    let rule = Self.rule((1...3).map { Self.first($0, 0.01) }, blocks: 3)
    #expect(rule?.dropped == 3 && rule?.end == .endOfOrder)
  }

  @Test func `a curve that comes back within the tolerance ended where it first left it`() throws {
    let rule = try #require(
      Self.rule(
        [Self.first(1, 0.01), Self.first(2, 0.2), Self.first(3, 0.01)], blocks: 3))
    #expect(rule.dropped == 1)
    guard case .tooCostly(let upper) = rule.end else {
      Issue.record("\(rule.end)")
      return
    }
    #expect(agree(upper, 0.2 + 0.001 * 2.0.squareRoot(), within: 1e-12))
  }

  @Test func `a set that is cheap on the half it was chosen by alone may not go`() {
    // Over all samples 0.02 and far within the tolerance; the even half says −0.03, the odd one 0.07.
    let lucky = Self.rule([Self.first(1, 0.01), Self.first(2, 0.02, odd: 0.07)], blocks: 2)
    #expect(lucky?.dropped == 1)
    let unlucky = Self.rule([Self.first(1, 0.06, odd: 0.01)], blocks: 1)
    #expect(unlucky?.dropped == 1, "and one that is dear there alone may")
  }

  @Test func `what was not measured, is not finite or makes errors ends the set`() {
    #expect(
      Self.rule([Self.first(1, 0), Self.first(3, 0)], blocks: 3)?.end == .notMeasured)
    let broken = Self.rule([Self.first(1, 0), Self.first(2, nil), Self.first(3, 0)], blocks: 3)
    #expect(broken?.dropped == 1 && broken?.end == .notFinite)
    let wrong = Self.rule(
      [Self.first(1, 0, error: 0.014), Self.first(2, 0, error: 0.016)], blocks: 2)
    #expect(wrong?.dropped == 1)
    guard case .errorRises(let lower)? = wrong?.end else {
      Issue.record("\(String(describing: wrong?.end))")
      return
    }
    #expect(agree(lower, 0.011, within: 1e-12))
  }

  @Test func `a bound that reaches the tolerance is within it`() {
    let bound = 0.01 + 0.001 * 2.0.squareRoot()
    #expect(Self.rule([Self.first(1, 0.01)], blocks: 1, tolerance: bound + 1e-12)?.dropped == 1)
    #expect(Self.rule([Self.first(1, 0.01)], blocks: 1, tolerance: bound - 1e-12)?.dropped == 0)
  }
}
