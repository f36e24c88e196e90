import ProbeCore
import ProbeRecorder
import Testing

/// Against NumPy in extended precision.
///
/// Tolerances are relative unless stated: 1e-6 for sizes and their percentiles, 2e-5 for what turns
/// x (a difference of sums), 1e-9 absolute for the constant fraction; for the Taylor importance
/// 1e-6 of the mean of ‖n·g‖‖F‖, since ⟨g, F⟩ may cancel.
@Suite struct OracleTests {
  @Test(arguments: OracleCase.all)
  func `statistics agree with NumPy`(_ oracle: OracleCase) {
    var accumulator = BlockAccumulator(
      oracle.block, limits: MemoryLimits(blocks: 1), countsAbsorbed: true, seed: 0)
    for tensors in oracle.tensors {
      #expect(tensors.problem(at: oracle.block) == nil)
      accumulator.take(tensors)
    }
    let found = accumulator.finished
    let expected = oracle.expected
    #expect(found.samples == expected.samples)
    #expect(found.microBatches == expected.microBatches)
    #expect(found.dropped == expected.dropped)
    #expect(found.undefined == expected.undefined)
    #expect(found.nonFinite == expected.nonFinite)
    check(found.identityGap, expected.identityGap, "identity_gap")
    check(found.residualRatio, expected.residualRatio, "residual_ratio")
    #expect(
      found.identityGapHistogram.counts
        == Dictionary(uniqueKeysWithValues: expected.histogram.map { ($0[0], $0[1]) }))
    check(found.cosine, expected.cosine, "cosine", scale: 1, tolerance: 1e-6)
    // Where nothing turns, what rounding leaves is measured against the gap.
    let turned = expected.perpendicularRatio.map {
      max($0.mean, 1e-3 * (expected.identityGap?.p50 ?? 0))
    }
    check(
      found.perpendicularRatio, expected.perpendicularRatio, "perpendicular", scale: turned,
      tolerance: 2e-5)
    check(found.angularDistance, expected.angularDistance, "angle", tolerance: 2e-5)
    check(found.blockInfluence, expected.blockInfluence, "influence", tolerance: 4e-5)
    check(found.streamRMS.map { ($0.n, $0.rms) }, expected.streamRms, "stream_rms")
    check(found.branchRMS.map { ($0.n, $0.rms) }, expected.branchRms, "branch_rms")
    check(found.outputGradNorm, expected.outputGradNorm, "output_grad_norm", tolerance: 1e-6)
    check(found.branchGain, expected.branchGain, "branch_gain", tolerance: 1e-6)
    let scale = expected.taylorScale
    check(
      found.taylorImportance, expected.taylorImportance, "taylor", scale: scale, tolerance: 1e-6)
    #expect((found.taylorSignedMean == nil) == (expected.taylorSignedMean == nil))
    if let signed = found.taylorSignedMean, let other = expected.taylorSignedMean, let scale {
      #expect(abs(signed - other) <= 1e-6 * scale)
    }
    check(
      found.constantFraction.map { ($0.n, $0.value) }, expected.constantFraction, "constant",
      absolute: 1e-9)
    check(found.deadFraction.map { ($0.n, $0.value) }, expected.deadFraction, "dead")
    check(found.absorbedFraction.map { ($0.n, $0.value) }, expected.absorbedFraction, "absorbed")
  }

  @Test func `the fixture holds every case the specification names`() {
    #expect(OracleCase.all.count == 22)
    #expect(OracleCase.all.reduce(0) { $0 + $1.expected.nonFinite } >= 5)
    #expect(OracleCase.all.contains { ($0.expected.absorbedFraction?.value ?? 0) > 0.1 })
  }

  private func check(
    _ found: Moments, _ expected: OracleCase.Expected.Spread?, _ what: Comment,
    scale: Double? = nil, tolerance: Double
  ) {
    guard let expected else {
      #expect(found.n == 0, what)
      return
    }
    #expect(found.n == expected.n, what)
    let size = scale ?? abs(expected.mean)
    #expect(abs(found.mean - expected.mean) <= tolerance * size, what)
    // A deviation may move by the tolerance of a value, once for each value and twice in a square.
    let deviation = (expected.m2 / Double(expected.n)).squareRoot()
    let slack = Double(expected.n) * tolerance * size * (4 * deviation + tolerance * size)
    #expect(abs(found.m2 - expected.m2) <= slack + 1e-12 * expected.m2, what)
  }

  private func check(
    _ found: LogDistribution, _ expected: OracleCase.Expected.LogSpread?, _ what: Comment
  ) {
    guard let expected else {
      #expect(found == LogDistribution(), what)
      return
    }
    #expect(found.n == expected.n, what)
    check(found.logs, expected.logs, what, scale: 1, tolerance: 1e-6)
    for (found, expected) in [
      (found.p50, expected.p50), (found.p90, expected.p90), (found.p99, expected.p99),
      (found.max, expected.max),
    ] {
      #expect(found.map { abs($0 - expected) <= 1e-6 * expected } == true, what)
    }
  }

  private func check(
    _ found: (Int, Double)?, _ expected: OracleCase.Expected.Share?, _ what: Comment,
    absolute: Double = 0
  ) {
    #expect(found?.0 == expected?.n, what)
    guard let found, let expected else { return }
    #expect(abs(found.1 - expected.value) <= max(absolute, 1e-6 * expected.value), what)
  }
}
