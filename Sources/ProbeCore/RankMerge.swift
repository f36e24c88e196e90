extension BlockStatistics {
  /// Takes in the same block's statistics of the same step from another rank (merging in
  /// Statistics.md).
  ///
  /// Sampled statistics merge over samples; percentiles, which do not, become n-weighted means and
  /// are approximate; what every rank holds a copy of stays as it is in the receiver, which should
  /// be the lowest rank.
  public mutating func merge(rank other: BlockStatistics) {
    samples += other.samples
    microBatches = Swift.max(microBatches, other.microBatches)
    dropped += other.dropped
    undefined += other.undefined
    nonFinite += other.nonFinite
    if taylorImportance.n + other.taylorImportance.n > 0, let mine = taylorSignedMean,
      let theirs = other.taylorSignedMean
    {
      let n = Double(taylorImportance.n)
      let m = Double(other.taylorImportance.n)
      taylorSignedMean = (mine * n + theirs * m) / (n + m)
    } else {
      taylorSignedMean = taylorSignedMean ?? other.taylorSignedMean
    }
    identityGap.merge(other.identityGap)
    identityGapHistogram.merge(other.identityGapHistogram)
    residualRatio.merge(other.residualRatio)
    cosine.merge(other.cosine)
    perpendicularRatio.merge(other.perpendicularRatio)
    angularDistance.merge(other.angularDistance)
    blockInfluence.merge(other.blockInfluence)
    outputGradNorm.merge(other.outputGradNorm)
    branchGain.merge(other.branchGain)
    taylorImportance.merge(other.taylorImportance)
    streamRMS = PooledRMS.merged(streamRMS, other.streamRMS)
    branchRMS = PooledRMS.merged(branchRMS, other.branchRMS)
    constantFraction = Fraction.merged(constantFraction, other.constantFraction)
    deadFraction = Fraction.merged(deadFraction, other.deadFraction)
    absorbedFraction = Fraction.merged(absorbedFraction, other.absorbedFraction)
  }
}

extension LogDistribution {
  /// Takes in another rank's distribution; percentiles become n-weighted means.
  mutating func merge(_ other: LogDistribution) {
    let n = Double(self.n)
    let m = Double(other.n)
    func weighted(_ mine: Double?, _ theirs: Double?) -> Double? {
      guard let mine, let theirs else { return mine ?? theirs }
      return (mine * n + theirs * m) / (n + m)
    }
    p50 = weighted(p50, other.p50)
    p90 = weighted(p90, other.p90)
    p99 = weighted(p99, other.p99)
    if let theirs = other.max { max = Swift.max(max ?? theirs, theirs) }
    self.n += other.n
    logs.merge(other.logs)
  }
}

extension PooledRMS {
  /// The root mean square over the elements of both.
  static func merged(_ a: PooledRMS?, _ b: PooledRMS?) -> PooledRMS? {
    guard let a, let b else { return a ?? b }
    let n = a.n + b.n
    let squares = Double(a.n) * a.rms * a.rms + Double(b.n) * b.rms * b.rms
    return PooledRMS(n: n, rms: (squares / Double(n)).squareRoot())
  }
}

extension Fraction {
  /// The share over what both looked at.
  static func merged(_ a: Fraction?, _ b: Fraction?) -> Fraction? {
    guard let a, let b else { return a ?? b }
    let n = a.n + b.n
    return Fraction(n: n, value: (Double(a.n) * a.value + Double(b.n) * b.value) / Double(n))
  }
}
