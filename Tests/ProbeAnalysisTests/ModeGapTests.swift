import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct ModeGapTests {
  /// Blocks whose gap in training is the first number and in eval mode the second.
  private static func find(
    _ gaps: [(training: Double, evaluation: Double?)], step: Int = 400, count: Int = 40
  ) -> [ModeGap] {
    let blocks = gaps.indices.map { ordinal in
      measured(residual(ordinal), count: count, reference: nil) { _, statistics in
        statistics.identityGap.p50 = gaps[ordinal].training
      }
    }
    var history = history(blocks)
    let changes = Dictionary(uniqueKeysWithValues: gaps.indices.map { ($0, Optional(0.1)) })
    var ablations = examined(changes, step: step)
    for place in ablations.all.indices {
      let gap = gaps[place].evaluation
      ablations.all[place].identityGap = LogDistribution(
        n: gap == nil ? 0 : 360, logs: Moments(), p50: gap, p90: gap, p99: gap, max: gap)
    }
    history.ablations = ablations
    return ModeGap.find(in: history)
  }

  @Test func `A gap more than a fifth off that in training is another one`() {
    let found = Self.find([(0.2, 0.13), (0.2, 0.19), (0.2, 0.25), (0.2, 0.17)])
    #expect(found.map(\.ordinal) == [0, 2])
    #expect(found.map(\.evaluation) == [0.13, 0.25])
    #expect(found.allSatisfy { abs($0.training - 0.2) < 1e-12 })
  }

  /// Blocks of 40 records whose gap follows a rule, examined with one gap.
  private static func find(
    evaluation: Double, at step: Int = 400, _ gap: (_ index: Int) -> Double
  ) -> [ModeGap] {
    var history = history([
      measured(residual(0), reference: nil) { index, statistics in
        statistics.identityGap.p50 = gap(index)
      }
    ])
    var ablations = examined([0: 0.1], step: step)
    ablations.all[0].identityGap = LogDistribution(
      n: 360, logs: Moments(), p50: evaluation, p90: evaluation, p99: evaluation, max: evaluation)
    history.ablations = ablations
    return ModeGap.find(in: history)
  }

  @Test func `A gap that drifts is held against the records nearest to the examination`() {
    func growing(_ index: Int) -> Double { 0.02 + 0.001 * Double(index) }
    #expect(Self.find(evaluation: 0.06, growing).isEmpty, "where the growth goes on")
    #expect(Self.find(evaluation: 0.04, growing).map(\.ordinal) == [0], "the window's mean")
    #expect(Self.find(evaluation: 0.04, at: 200, growing).isEmpty, "as it was halfway")
    #expect(Self.find(evaluation: 0.06, at: 200, growing).map(\.ordinal) == [0])
  }

  @Test func `What the nearest records range over by themselves is no other gap`() {
    func wavering(_ index: Int) -> Double { index.isMultiple(of: 2) ? 0.1 : 0.2 }
    #expect(Self.find(evaluation: 0.23, wavering).isEmpty)
    #expect(Self.find(evaluation: 0.085, wavering).isEmpty)
    #expect(Self.find(evaluation: 0.25, wavering).map(\.evaluation) == [0.25])
    #expect(Self.find(evaluation: 0.07, wavering).map(\.evaluation) == [0.07])
  }

  @Test func `Two gaps that are both next to nothing are not told apart`() {
    #expect(Self.find([(0.004, 0.009), (0, 0)]).isEmpty)
    #expect(Self.find([(0, 0.02)]).map(\.training) == [0])
  }

  @Test func `An older examination, few records and a block without a gap say nothing`() {
    #expect(Self.find([(0.2, 0.1)], step: -1).isEmpty)
    #expect(Self.find([(0.2, 0.1)], count: 4).isEmpty)
    #expect(Self.find([(0.2, nil)]).isEmpty)
    #expect(ModeGap.find(in: history([blockHistory(gaps: wavering(0.2))])).isEmpty)
  }
}
