internal import FoundationEssentials
import ProbeCore
internal import SwiftProtobuf

/// A message that begins with the examination it is of.
protocol ExaminationMessage {
  init()

  var examinationID: Data { get set }
  var step: UInt64 { get set }
  var samples: UInt64 { get set }
  var planned: UInt32 { get set }
  var baseLoss: Double { get set }
  var baseError: Double { get set }
  var hasBaseError: Bool { get }
  var confidence: Double { get set }
}

extension ExaminationMessage {
  /// A message of an examination, without what else it holds.
  init(of examination: Examination) {
    self.init()
    examinationID = .init(examination.identity.bytes)
    step = UInt64(examination.step)
    samples = UInt64(examination.samples)
    planned = UInt32(examination.planned)
    baseLoss = examination.baseLoss
    if let error = examination.baseError { baseError = error }
    confidence = examination.confidence
  }

  /// The examination.
  func examination() throws(WireError) -> Examination {
    guard let identity = Identity(bytes: examinationID) else {
      throw .impossible("an examination's identity of \(examinationID.count) bytes")
    }
    return try RecordCodec.examination(
      identity, step: step, samples: samples, planned: planned, baseLoss: baseLoss,
      baseError: hasBaseError ? baseError : nil, confidence: confidence)
  }
}

extension ResnetProbe_V1_Ablation: ExaminationMessage {}
extension ResnetProbe_V1_Similarity: ExaminationMessage {}
extension ResnetProbe_V1_Reuse: ExaminationMessage {}
extension ResnetProbe_V1_RemovalOrder: ExaminationMessage {}
