import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct DivergenceTests {
  private static func of(_ losses: [Double?], from first: Int = 0) -> Divergence? {
    var history = history([blockHistory(gaps: wavering(0.2))])
    history.steps = losses.enumerated().map {
      StepSummary(step: first + $0.offset * 10, loss: $0.element)
    }
    return Divergence(history)
  }

  private static let falling = (0..<30).map { Optional(2.3 / Double(1 + $0)) }

  @Test func `A loss that falls, stays or wavers has not diverged`() {
    #expect(Self.of(Self.falling) == nil)
    #expect(Self.of(Array(repeating: 2.3, count: 30)) == nil)
    #expect(Self.of((0..<30).map { [2.3, 9, 0.4][$0 % 3] }) == nil)
    #expect(Self.of([]) == nil)
    #expect(Self.of([nil, nil]) == nil)
  }

  @Test func `A loss that ends as no number diverged at the first of these steps`() {
    #expect(Self.of(Self.falling + [.nan, .infinity, .nan]) == .notFinite(since: 300))
    #expect(Self.of([2.3, .nan, nil, .nan, nil, .nan]) == .notFinite(since: 10))
    #expect(Self.of([.nan]) == .notFinite(since: 0))
  }

  @Test func `A loss that comes back, or just left, has not diverged`() {
    #expect(Self.of([2.3, .nan, .nan, .nan] + Self.falling) == nil)
    #expect(Self.of(Self.falling + [.nan]) == nil)
  }

  @Test func `A loss over ten times its start has diverged, from where it stayed there`() {
    let rising = (0..<5).map { _ in Optional(2.0) } + [30, 2] + (0..<8).map { _ in Optional(25.0) }
    #expect(Self.of(rising) == .risen(since: 70, from: 2, to: 25))
    #expect(Self.of(rising.map { $0.map { $0 < 3 ? $0 : $0 * 0.7 } }) == nil, "8.75 times")
    #expect(Self.of(rising, from: 500) == nil, "its start was not seen")
    #expect(Self.of(rising.map { $0.map { -$0 } }) == nil, "a loss below 0 has no multiple")
    #expect(Self.of(Array(rising.suffix(9))) == nil, "too few to have two ends")
  }

  @Test func `Without a loss the blocks tell`() {
    var block = measured(residual(0)) { _, statistics in statistics.nonFinite = 0 }
    func divergence(noted: [NotedFinding] = []) -> Divergence? {
      var history = history([block])
      history.findings = noted
      return Divergence(history)
    }
    #expect(divergence() == nil)
    block.latest?.statistics.nonFinite = 63
    #expect(divergence() == nil, "a sample is left")
    block.latest?.statistics.nonFinite = 64
    #expect(divergence() == .notFinite(since: 390))
    let noted = [NotedFinding(.nonFiniteSamples, ordinal: 0, firstStep: 120)]
    #expect(divergence(noted: noted) == .notFinite(since: 120))
  }
}
