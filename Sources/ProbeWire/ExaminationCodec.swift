import ProbeCore

extension RecordCodec {
  /// The examination that the fields which all its records share tell of.
  static func examination(
    _ identity: Identity, step: UInt64, samples: UInt64, planned: UInt32, baseLoss: Double,
    baseError: Double?, confidence: Double
  ) throws(WireError) -> Examination {
    let samples = try Self.samples(samples, "number of samples")
    guard samples >= Examination.minimumSamples else {
      throw .impossible("a probe set of \(samples) samples")
    }
    guard planned >= 1 else { throw .impossible("an examination that plans nothing") }
    guard baseLoss.isFinite else { throw .impossible("a base loss of \(baseLoss)") }
    if let baseError, !(0...1).contains(baseError) {
      throw .impossible("a base error of \(baseError)")
    }
    guard confidence > 0.5, confidence < 1 else {
      throw .impossible("a confidence of \(confidence)")
    }
    return Examination(
      identity: identity, step: try count(step, "step"), samples: samples, planned: Int(planned),
      baseLoss: baseLoss, baseError: baseError, confidence: confidence)
  }

  /// The ordinal of a block.
  static func ordinal(_ value: UInt32) throws(WireError) -> Int {
    guard value < BlockMap.maximumBlocks else { throw .impossible("a block \(value)") }
    return Int(value)
  }
}
