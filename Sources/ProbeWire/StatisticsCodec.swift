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

  func value() throws(WireError) -> BlockStatistics {
    var value = BlockStatistics(ordinal: Int(ordinal))
    value.samples = try RecordCodec.samples(samples, "number of samples")
    value.microBatches = Int(microBatches)
    value.dropped = try RecordCodec.samples(dropped, "number of dropped samples")
    value.undefined = try RecordCodec.samples(undefined, "number of undefined samples")
    value.nonFinite = try RecordCodec.samples(nonFinite, "number of non-finite samples")
    guard value.dropped + value.undefined + value.nonFinite <= value.samples else {
      throw .impossible("more dropped, undefined and non-finite samples than samples")
    }
    value.identityGap = try identityGap.value("identity_gap")
    value.identityGapHistogram = try identityGapHistogram.value()
    value.residualRatio = try residualRatio.value("residual_ratio")
    value.cosine = try cosine.value("cosine")
    value.perpendicularRatio = try perpendicularRatio.value("perpendicular_ratio")
    value.angularDistance = try angularDistance.value("angular_distance")
    value.blockInfluence = try blockInfluence.value("block_influence")
    if hasStreamRms {
      let pooled = try streamRms.checked("stream_rms")
      value.streamRMS = PooledRMS(n: pooled.n, rms: pooled.value)
    }
    if hasBranchRms {
      let pooled = try branchRms.checked("branch_rms")
      value.branchRMS = PooledRMS(n: pooled.n, rms: pooled.value)
    }
    value.outputGradNorm = try outputGradNorm.value("output_grad_norm")
    value.branchGain = try branchGain.value("branch_gain")
    value.taylorImportance = try taylorImportance.value("taylor_importance")
    value.taylorSignedMean = hasTaylorSignedMean ? taylorSignedMean : nil
    value.gateGradient = hasGateGradient ? gateGradient : nil
    value.weightNorm = hasWeightNorm ? weightNorm : nil
    value.gradientNorm = hasGradientNorm ? gradientNorm : nil
    value.updateRatio = hasUpdateRatio ? updateRatio : nil
    value.gateRMS = hasGateRms ? gateRms : nil
    if hasConstantFraction {
      value.constantFraction = try constantFraction.fraction("constant_fraction")
    }
    if hasDeadFraction { value.deadFraction = try deadFraction.fraction("dead_fraction") }
    if hasAbsorbedFraction {
      value.absorbedFraction = try absorbedFraction.fraction("absorbed_fraction")
    }
    return value
  }
}
