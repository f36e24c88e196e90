import ProbeCore

/// The message `BlockStatistics` as it is read.
struct StatisticsFields: FieldMessage {
  private(set) var ordinal: UInt32 = 0
  private var samples: UInt64 = 0
  private var microBatches: UInt32 = 0
  private var dropped: UInt64 = 0
  private var undefined: UInt64 = 0
  private var nonFinite: UInt64 = 0
  private var identityGap = LogDistributionFields()
  private var identityGapHistogram = HistogramFields()
  private var residualRatio = LogDistributionFields()
  private var cosine = MomentsFields()
  private var perpendicularRatio = MomentsFields()
  private var angularDistance = MomentsFields()
  private var blockInfluence = MomentsFields()
  private var streamRMS: PooledFields?
  private var branchRMS: PooledFields?
  private var outputGradNorm = MomentsFields()
  private var branchGain = MomentsFields()
  private var taylorImportance = MomentsFields()
  private var taylorSignedMean: Double?
  private var gateGradient: Double?
  private var weightNorm: Double?
  private var gradientNorm: Double?
  private var updateRatio: Double?
  private var gateRMS: Double?
  private var constantFraction: PooledFields?
  private var deadFraction: PooledFields?
  private var absorbedFraction: PooledFields?

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&ordinal, field)
    case 2: try reader.read(&samples, field)
    case 3: try reader.read(&microBatches, field)
    case 4: try reader.read(&dropped, field)
    case 5: try reader.read(&undefined, field)
    case 6: try reader.read(&nonFinite, field)
    case 7: try reader.read(&identityGap, field)
    case 8: try reader.read(&identityGapHistogram, field)
    case 9: try reader.read(&residualRatio, field)
    case 10: try reader.read(&cosine, field)
    case 11: try reader.read(&perpendicularRatio, field)
    case 12: try reader.read(&angularDistance, field)
    case 13: try reader.read(&blockInfluence, field)
    case 14: try reader.read(&streamRMS, field)
    case 15: try reader.read(&branchRMS, field)
    case 16: try reader.read(&outputGradNorm, field)
    case 17: try reader.read(&branchGain, field)
    case 18: try reader.read(&taylorImportance, field)
    case 19: try reader.read(&taylorSignedMean, field)
    case 20: try reader.read(&gateGradient, field)
    case 21: try reader.read(&weightNorm, field)
    case 22: try reader.read(&gradientNorm, field)
    case 23: try reader.read(&updateRatio, field)
    case 24: try reader.read(&gateRMS, field)
    case 25: try reader.read(&constantFraction, field)
    case 26: try reader.read(&deadFraction, field)
    case 27: try reader.read(&absorbedFraction, field)
    default: try reader.skip(field)
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
    value.streamRMS = try streamRMS?.rms("stream_rms")
    value.branchRMS = try branchRMS?.rms("branch_rms")
    value.outputGradNorm = try outputGradNorm.value("output_grad_norm")
    value.branchGain = try branchGain.value("branch_gain")
    value.taylorImportance = try taylorImportance.value("taylor_importance")
    value.taylorSignedMean = taylorSignedMean
    value.gateGradient = gateGradient
    value.weightNorm = weightNorm
    value.gradientNorm = gradientNorm
    value.updateRatio = updateRatio
    value.gateRMS = gateRMS
    value.constantFraction = try constantFraction?.fraction("constant_fraction")
    value.deadFraction = try deadFraction?.fraction("dead_fraction")
    value.absorbedFraction = try absorbedFraction?.fraction("absorbed_fraction")
    return value
  }
}
