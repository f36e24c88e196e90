import ProbeCore
import Testing

@Suite struct RankMergeTests {
  /// What a rank measures on these samples: gaps and ratios above 0, the rest anything.
  private func statistics(_ values: [Double]) -> BlockStatistics {
    var statistics = BlockStatistics(ordinal: 3)
    statistics.samples = values.count + 6
    statistics.microBatches = 2
    statistics.dropped = 1
    statistics.undefined = 2
    statistics.nonFinite = 3
    statistics.identityGap = distribution(values)
    for value in values { statistics.identityGapHistogram.count(gap: value) }
    statistics.residualRatio = distribution(values.map { 2 * $0 })
    statistics.cosine = Moments(of: values.map { $0 - 0.5 })
    statistics.perpendicularRatio = Moments(of: values.map { $0 / 3 })
    statistics.angularDistance = Moments(of: values.map { $0 / 4 })
    statistics.blockInfluence = Moments(of: values.map { $0 / 5 })
    statistics.outputGradNorm = Moments(of: values.map { $0 * 6 })
    statistics.branchGain = Moments(of: values.map { $0 * 7 })
    statistics.taylorImportance = Moments(of: values.map { $0 * 8 })
    statistics.taylorSignedMean = mean(values.map { $0 - 0.25 })
    statistics.streamRMS = PooledRMS(
      n: values.count, rms: mean(values.map { $0 * $0 }).squareRoot())
    statistics.branchRMS = PooledRMS(
      n: 2 * values.count, rms: mean(values.map { 4 * $0 * $0 }).squareRoot())
    statistics.constantFraction = Fraction(n: values.count, value: mean(values))
    statistics.deadFraction = share(of: values) { $0 < 0.2 }
    statistics.absorbedFraction = share(of: values) { $0 < 0.7 }
    return statistics
  }

  private func distribution(_ values: [Double]) -> LogDistribution {
    let sorted = values.sorted()
    func nearestRank(_ p: Double) -> Double {
      sorted[Int((p * Double(sorted.count)).rounded(.up)) - 1]
    }
    // Merging does not look inside the logarithms: any numbers will do for them.
    return LogDistribution(
      n: values.count, logs: Moments(of: values.map { $0 - 1 }), p50: nearestRank(0.5),
      p90: nearestRank(0.9), p99: nearestRank(0.99), max: sorted.last)
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  private func share(of values: [Double], where test: (Double) -> Bool) -> Fraction {
    Fraction(n: values.count, value: Double(values.count(where: test)) / Double(values.count))
  }

  private func ranks(_ first: Int = 40, _ second: Int = 100) -> (a: [Double], b: [Double]) {
    var generator = Sequence64(seed: 6)
    return (generator.numbers(first, in: 0.01...1), generator.numbers(second, in: 0.3...3))
  }

  private func merged(_ a: BlockStatistics, _ b: BlockStatistics) -> BlockStatistics {
    var sum = a
    sum.merge(rank: b)
    return sum
  }

  @Test func `What is sampled becomes what the pooled samples give`() throws {
    let (a, b) = ranks()
    let both = merged(statistics(a), statistics(b))
    let pooled = statistics(a + b)
    let moments: [KeyPath<BlockStatistics, Moments>] = [
      \.identityGap.logs, \.residualRatio.logs, \.cosine, \.perpendicularRatio, \.angularDistance,
      \.blockInfluence, \.outputGradNorm, \.branchGain, \.taylorImportance,
    ]
    for path in moments {
      #expect(agree(both[keyPath: path], pooled[keyPath: path], within: 1e-12), "\(path)")
    }
    for path in [\BlockStatistics.streamRMS, \.branchRMS] {
      let found = try #require(both[keyPath: path])
      let expected = try #require(pooled[keyPath: path])
      #expect(found.n == expected.n)
      #expect(agree(found.rms, expected.rms, within: 1e-14))
    }
    for path in [\BlockStatistics.constantFraction, \.deadFraction, \.absorbedFraction] {
      let found = try #require(both[keyPath: path])
      let expected = try #require(pooled[keyPath: path])
      #expect(found.n == expected.n)
      #expect(agree(found.value, expected.value, within: 1e-14))
    }
    #expect(
      agree(
        try #require(both.taylorSignedMean), try #require(pooled.taylorSignedMean), within: 1e-14))
    #expect(both.identityGapHistogram == pooled.identityGapHistogram)
    #expect(both.identityGap.n == 140)
    #expect(both.identityGap.max == pooled.identityGap.max)
    #expect(both.residualRatio.max == pooled.residualRatio.max)
  }

  @Test func `Counters add, and micro-batches are those of the busiest rank`() {
    var b = statistics([0.5])
    b.microBatches = 5
    let both = merged(statistics([0.1, 0.2]), b)
    #expect(both.samples == 15)
    #expect(both.dropped == 2)
    #expect(both.undefined == 4)
    #expect(both.nonFinite == 6)
    #expect(both.microBatches == 5)
    #expect(both.ordinal == 3)
  }

  @Test func `Percentiles become means weighted by the number of samples`() {
    var a = BlockStatistics(ordinal: 0)
    a.identityGap = LogDistribution(n: 30, logs: Moments(), p50: 1, p90: 2, p99: 4, max: 8)
    var b = BlockStatistics(ordinal: 0)
    b.identityGap = LogDistribution(n: 10, logs: Moments(), p50: 2, p90: 4, p99: 8, max: 4)
    let both = merged(a, b).identityGap
    #expect(both == LogDistribution(n: 40, logs: Moments(), p50: 1.25, p90: 2.5, p99: 5, max: 8))
  }

  @Test func `What every rank holds a copy of stays the receiver's`() {
    func replicated(_ value: Double) -> BlockStatistics {
      var statistics = BlockStatistics(ordinal: 0)
      statistics.gateGradient = value
      statistics.weightNorm = 2 * value
      statistics.gradientNorm = 3 * value
      statistics.updateRatio = 4 * value
      statistics.gateRMS = 5 * value
      return statistics
    }
    #expect(merged(replicated(1), replicated(100)) == replicated(1))
  }

  @Test func `Sampled statistics do not mind the order of the ranks`() throws {
    let (a, b) = ranks()
    let forwards = merged(statistics(a), statistics(b))
    let backwards = merged(statistics(b), statistics(a))
    #expect(agree(forwards.cosine, backwards.cosine, within: 1e-14))
    #expect(agree(forwards.identityGap.logs, backwards.identityGap.logs, within: 1e-14))
    #expect(
      agree(
        try #require(forwards.identityGap.p50), try #require(backwards.identityGap.p50),
        within: 1e-15))
    #expect(forwards.identityGapHistogram == backwards.identityGapHistogram)
    #expect(forwards.samples == backwards.samples)
  }

  @Test func `A rank that measured nothing changes nothing`() {
    let some = statistics(ranks().a)
    #expect(merged(some, BlockStatistics(ordinal: 3)) == some)
    // Weights are not sampled, so the other way round needs none of them.
    #expect(merged(BlockStatistics(ordinal: 3), some) == some)
  }

  @Test func `A statistic that one rank lacks is the other's`() {
    var a = statistics([0.1, 0.4])
    a.streamRMS = nil
    a.deadFraction = nil
    a.taylorSignedMean = nil
    a.taylorImportance = Moments()
    let b = statistics([0.2, 0.3, 0.9])
    let both = merged(a, b)
    #expect(both.streamRMS == b.streamRMS)
    #expect(both.deadFraction == b.deadFraction)
    #expect(both.taylorSignedMean == b.taylorSignedMean)
    #expect(both.taylorImportance == b.taylorImportance)
  }
}
