internal import FoundationEssentials
import ProbeCore
internal import SwiftProtobuf

extension ResnetProbe_V1_Ablation {
  init(_ examination: Examination, _ ablation: Ablation) {
    self.init(of: examination)
    wallTime = ablation.wallTime
    ordinals = ablation.ordinals.map { UInt32($0) }
    if let moments = ResnetProbe_V1_Moments(ablation.lossChanges) { lossChange = moments }
    nonFinite = UInt64(ablation.nonFinite)
    if let loss = ablation.loss { (lossChangeLower, lossChangeUpper) = (loss.lower, loss.upper) }
    if let halves = ablation.halves {
      (lossChangeEven, lossChangeOdd) = (halves.even, halves.odd)
      if let error = halves.evenError { lossChangeEvenError = error }
    }
    if let error = ablation.error {
      errorChange = error.value
      (errorChangeLower, errorChangeUpper) = (error.lower, error.upper)
    }
    if ablation.identityGap.n > 0 { identityGap = .init(ablation.identityGap) }
  }

  /// The record; its fields are checked as they are read once more, as a frame's are.
  func value() throws(WireError) -> Record {
    guard let identity = Identity(bytes: examinationID) else {
      throw .impossible("an examination's identity of \(examinationID.count) bytes")
    }
    guard let bytes: [UInt8] = try? serializedBytes() else { throw .malformed }
    return try AblationFields.record(bytes, identity: identity)
  }
}
