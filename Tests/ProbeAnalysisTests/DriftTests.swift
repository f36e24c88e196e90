import ProbeAnalysis
import Testing

@Suite struct DriftTests {
  @Test func `Rises and their errors agree with SciPy's regression`() throws {
    for row in try VerdictOracle.load().series {
      guard let rise = row.rise, let error = row.riseError else { continue }
      let drift = try #require(Drift(row.values))
      #expect(agree(drift.rise, rise, within: 1e-8))
      #expect(agree(drift.standardError, error, within: 1e-8))
    }
  }

  @Test func `A straight line rises by its own height without error`() throws {
    let drift = try #require(Drift((0..<21).map { Double($0) / 16 }))
    #expect(agree(drift.rise, 1.25, within: 1e-12))
    #expect(drift.standardError < 1e-9)
    #expect(drift.counts)
  }

  @Test func `A fall, a small rise and a wander do not count`() throws {
    #expect(try !#require(Drift((0..<20).map { -0.1 * Double($0) })).counts)
    #expect(try !#require(Drift((0..<20).map { 0.005 * Double($0) })).counts)
    #expect(try !#require(Drift((0..<20).map { $0 % 10 < 5 ? 1 : -1 })).counts)
    #expect(try !#require(Drift([Double](repeating: 2, count: 20))).counts)
  }

  @Test func `Two values have no drift`() {
    #expect(Drift([0, 1]) == nil)
  }
}
