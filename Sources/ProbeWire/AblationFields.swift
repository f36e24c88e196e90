import ProbeCore

/// The message `Ablation` as it is read, once ``PayloadScan`` has counted its parts.
struct AblationFields: FieldMessage {
  private var step: UInt64 = 0
  private var wallTime = 0.0
  private var samples: UInt64 = 0
  private var planned: UInt32 = 0
  private var baseLoss = 0.0
  private var baseError: Double?
  private var confidence = 0.0
  private var ordinals: [UInt64] = []
  private var lossChange = MomentsFields()
  private var nonFinite: UInt64 = 0
  private var lower: Double?
  private var upper: Double?
  private var even: Double?
  private var odd: Double?
  private var errorChange: Double?
  private var errorLower: Double?
  private var errorUpper: Double?
  private var identityGap = LogDistributionFields()
  private var evenError: Double?

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 2: try reader.read(&step, field)
    case 3: try reader.read(&wallTime, field)
    case 4: try reader.read(&samples, field)
    case 5: try reader.read(&planned, field)
    case 6: try reader.read(&baseLoss, field)
    case 7: try reader.read(&baseError, field)
    case 8: try reader.read(&confidence, field)
    case 9: try reader.read(&ordinals, field)
    case 10: try reader.read(&lossChange, field)
    case 11: try reader.read(&nonFinite, field)
    case 12: try reader.read(&lower, field)
    case 13: try reader.read(&upper, field)
    case 14: try reader.read(&even, field)
    case 15: try reader.read(&odd, field)
    case 16: try reader.read(&errorChange, field)
    case 17: try reader.read(&errorLower, field)
    case 18: try reader.read(&errorUpper, field)
    case 19: try reader.read(&identityGap, field)
    case 20: try reader.read(&evenError, field)
    default: try reader.skip(field)
    }
  }

  /// The record that a message's bytes are; `identity` is its field 1.
  static func record(_ bytes: [UInt8], identity: Identity) throws(WireError) -> Record {
    var reader = FieldReader(bytes)
    var fields = AblationFields()
    while let field = try reader.next() { try fields.take(field, &reader) }
    let examination = try RecordCodec.examination(
      identity, step: fields.step, samples: fields.samples, planned: fields.planned,
      baseLoss: fields.baseLoss, baseError: fields.baseError, confidence: fields.confidence)
    return .ablation(examination, try fields.ablation(of: examination))
  }

  private func ablation(of examination: Examination) throws(WireError) -> Ablation {
    guard !ordinals.isEmpty, zip(ordinals, ordinals.dropFirst()).allSatisfy({ $0 < $1 }),
      ordinals.last! < UInt64(BlockMap.maximumBlocks)
    else { throw .impossible("an ablation of blocks that are no ascending ordinals") }
    var ablation = Ablation(
      ordinals: ordinals.map { Int($0) }, wallTime: try RecordCodec.time(wallTime, "time"),
      lossChanges: try lossChange.value("loss_change"))
    ablation.nonFinite = try RecordCodec.samples(nonFinite, "number of non-finite samples")
    guard ablation.lossChanges.n + ablation.nonFinite == examination.samples else {
      throw .impossible("an ablation of other samples than its probe set's")
    }
    switch (ablation.nonFinite, lower, upper, even, odd) {
    case (0, let lower?, let upper?, let even?, let odd?):
      ablation.loss = try Self.change(ablation.lossChanges.mean, lower, upper, "loss")
      guard even.isFinite, odd.isFinite else { throw .impossible("halves that are not finite") }
      guard evenError.map({ $0.isFinite && $0 >= 0 }) != false else {
        throw .impossible("a standard error of \(evenError!)")
      }
      ablation.halves = Ablation.Halves(even: even, odd: odd, evenError: evenError)
    case (1..., nil, nil, nil, nil): break
    default: throw .impossible("bounds of a change of the loss that do not fit its samples")
    }
    switch (examination.baseError, errorChange, errorLower, errorUpper) {
    case (_?, let value?, let lower?, let upper?):
      guard abs(value) <= 1 else { throw .impossible("a change of the error of \(value)") }
      ablation.error = try Self.change(value, lower, upper, "error")
    case (nil, nil, nil, nil): break
    default: throw .impossible("a change of an error that is not known")
    }
    ablation.identityGap = try identityGap.value("identity_gap")
    guard ablation.identityGap.n == 0 || ordinals.count == 1 else {
      throw .impossible("a gap of several blocks")
    }
    return ablation
  }

  /// Bounds lie in order; a percentile interval need not hold the mean.
  private static func change(
    _ value: Double, _ lower: Double, _ upper: Double, _ what: String
  ) throws(WireError) -> Ablation.Change {
    guard value.isFinite, lower.isFinite, upper.isFinite, lower <= upper else {
      throw .impossible("a change of the \(what) of \(value) within \(lower) to \(upper)")
    }
    return Ablation.Change(value: value, lower: lower, upper: upper)
  }
}
