import ProbeAnalysis
import Testing

@Suite struct WilsonTests {
  @Test func `Lower bounds agree with SciPy`() throws {
    for row in try VerdictOracle.load().wilson {
      let bound = Wilson.lowerBound(
        successes: row.successes, trials: row.trials, confidence: row.confidence)
      #expect(abs(bound - row.lower) < 1e-12, "\(row)")
    }
  }

  @Test func `Fifty-two samples are the fewest that can prove a share of 95 percent`() {
    #expect(Wilson.lowerBound(successes: 51, trials: 51, confidence: 0.95) < 0.95)
    #expect(Wilson.lowerBound(successes: 52, trials: 52, confidence: 0.95) >= 0.95)
  }

  @Test func `No trials prove nothing`() {
    #expect(Wilson.lowerBound(successes: 0, trials: 0, confidence: 0.95) == 0)
  }
}
