import ProbeCore
import ProbeRecorder
import Testing

@Suite struct PairedBootstrapTests {
  /// Values that look random, the same on every machine: fractional parts of multiples of the golden ratio.
  private func values(_ count: Int) -> [Double] {
    (1...count).map { (Double($0) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1) }
  }

  @Test func `values that are all alike are bounded by themselves, exactly`() {
    let bounds = PairedBootstrap(confidence: 0.95).bounds(of: [Double](repeating: 0.1, count: 77))
    #expect(bounds.lower == 0.1 && bounds.upper == 0.1)
    #expect(PairedBootstrap(confidence: 0.95).bounds(of: [0.3]) == (0.3, 0.3))
  }

  @Test func `bounds lie about the mean as the normal approximation says`() {
    let values = values(400)
    let mean = values.reduce(0, +) / 400
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 400).squareRoot()
    let bounds = PairedBootstrap(confidence: 0.95).bounds(of: values)
    let half = 1.6449 * deviation / 20
    // A percentile of 2,000 resamples is off by a few percent of the half width.
    #expect(abs(bounds.upper - mean - half) < 0.12 * half)
    #expect(abs(mean - bounds.lower - half) < 0.12 * half)
  }

  @Test func `more confidence is a wider interval, and the same values give the same bounds`() {
    let narrow = PairedBootstrap(confidence: 0.8).bounds(of: values(50))
    let wide = PairedBootstrap(confidence: 0.99).bounds(of: values(50))
    #expect(wide.lower < narrow.lower && narrow.upper < wide.upper)
    #expect(PairedBootstrap(confidence: 0.8).bounds(of: values(50)) == narrow)
  }

  @Test func `shifting shifts and scaling scales the bounds`() {
    let plain = PairedBootstrap(confidence: 0.95).bounds(of: values(64))
    let other = PairedBootstrap(confidence: 0.95).bounds(of: values(64).map { 4 * $0 + 2 })
    #expect(abs(other.lower - (4 * plain.lower + 2)) < 1e-12)
    #expect(abs(other.upper - (4 * plain.upper + 2)) < 1e-12)
  }

  @Test func `an ablation holds mean, halves and errors of the samples' own changes`() throws {
    let base = ProbeSetLosses(losses: [1, 1, 1, 1], errors: [0, 0, 1, 0])
    let without = ProbeSetLosses(losses: [1.5, 1, 2.5, 2], errors: [1, 0, 1, 1])
    let ablation = Ablation(removing: [2], from: base, leaving: without)
    #expect(ablation.lossChanges.n == 4 && ablation.lossChanges.mean == 0.75)
    #expect(abs(ablation.lossChanges.m2 - 1.25) < 1e-12)
    #expect(ablation.halves == Ablation.Halves(even: 1, odd: 0.5, evenError: 0.5))
    #expect(ablation.error?.value == 0.5 && ablation.nonFinite == 0)
    let loss = try #require(ablation.loss)
    #expect(0 <= loss.lower && loss.lower <= 0.75 && 0.75 <= loss.upper && loss.upper <= 1.5)
  }

  @Test func `losses that are no longer finite are counted and leave no bounds`() {
    let base = ProbeSetLosses(losses: [1, 1, 1])
    let ablation = Ablation(
      removing: [0, 1], from: base, leaving: ProbeSetLosses(losses: [.nan, 3, .infinity]))
    #expect(ablation.nonFinite == 2 && ablation.lossChanges.n == 1)
    #expect(ablation.loss == nil && ablation.halves == nil && ablation.error == nil)
  }
}
