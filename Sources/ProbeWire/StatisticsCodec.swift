import ProbeCore

extension ResnetProbe_V1_BlockStatistics {
  init(_ value: BlockStatistics) {
    self.init()
    ordinal = UInt32(value.ordinal)
    samples = UInt64(value.samples)
    microBatches = UInt32(value.microBatches)
    dropped = UInt64(value.dropped)
    undefined = UInt64(value.undefined)
    nonFinite = UInt64(value.nonFinite)
    if value.identityGap.n > 0 { identityGap = .init(value.identityGap) }
    if !value.identityGapHistogram.isEmpty {
      identityGapHistogram = .init(value.identityGapHistogram)
    }
    if value.residualRatio.n > 0 { residualRatio = .init(value.residualRatio) }
    if let moments = ResnetProbe_V1_Moments(value.cosine) { cosine = moments }
    if let moments = ResnetProbe_V1_Moments(value.perpendicularRatio) {
      perpendicularRatio = moments
    }
    if let moments = ResnetProbe_V1_Moments(value.angularDistance) { angularDistance = moments }
    if let moments = ResnetProbe_V1_Moments(value.blockInfluence) { blockInfluence = moments }
    if let pooled = value.streamRMS { streamRms = .init(n: pooled.n, value: pooled.rms) }
    if let pooled = value.branchRMS { branchRms = .init(n: pooled.n, value: pooled.rms) }
    if let moments = ResnetProbe_V1_Moments(value.outputGradNorm) { outputGradNorm = moments }
    if let moments = ResnetProbe_V1_Moments(value.branchGain) { branchGain = moments }
    if let moments = ResnetProbe_V1_Moments(value.taylorImportance) { taylorImportance = moments }
    if let number = value.taylorSignedMean { taylorSignedMean = number }
    if let number = value.gateGradient { gateGradient = number }
    if let number = value.weightNorm { weightNorm = number }
    if let number = value.gradientNorm { gradientNorm = number }
    if let number = value.updateRatio { updateRatio = number }
    if let number = value.gateRMS { gateRms = number }
    if let share = value.constantFraction {
      constantFraction = .init(n: share.n, value: share.value)
    }
    if let share = value.deadFraction { deadFraction = .init(n: share.n, value: share.value) }
    if let share = value.absorbedFraction {
      absorbedFraction = .init(n: share.n, value: share.value)
    }
  }
}
