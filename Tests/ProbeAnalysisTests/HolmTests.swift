import ProbeAnalysis
import Testing

@Suite struct HolmTests {
  @Test func `Adjusted p-values agree with closed testing over all subsets`() throws {
    for row in try VerdictOracle.load().holm {
      for (ours, theirs) in zip(Holm.adjusted(row.p), row.adjusted) {
        #expect(agree(ours, theirs, within: 1e-14), "\(row.p)")
      }
    }
  }

  @Test func `Permuting the p-values permutes the adjusted ones`() {
    let p = [0.2, 0.01, 0.01, 0.8, 0.004]
    let order = [3, 0, 4, 2, 1]
    #expect(Holm.adjusted(order.map { p[$0] }) == order.map { Holm.adjusted(p)[$0] })
  }

  @Test func `No p-values stay none and a single one stays as it is`() {
    #expect(Holm.adjusted([]).isEmpty)
    #expect(Holm.adjusted([0.03]) == [0.03])
  }
}
