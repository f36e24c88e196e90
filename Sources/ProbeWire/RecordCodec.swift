public import ProbeCore
internal import SwiftProtobuf

/// Turns records into payloads and payloads into records.
///
/// What decodes has been checked: identities have 16 bytes, texts are within their limits, counts
/// fit, moments are of a real sample, ordinals ascend. Whether a frame agrees with its block map is
/// for whoever holds the map. Decoding takes some tens of megabytes at most, whatever the payload.
public enum RecordCodec {
  /// The payload of a record.
  ///
  /// `segment` is where it will stand.
  ///
  /// - Throws: ``WireError/recordTooLong(bytes:)``.
  public static func encode(
    _ record: Record, in segment: SegmentIdentity
  ) throws(WireError) -> [UInt8] {
    var message = ResnetProbe_V1_Record()
    switch record {
    case .runOpened(let opened): message.runOpened = .init(opened, in: segment)
    case .blockMap(let map): message.blockMap = .init(map)
    case .frame(let frame): message.frame = .init(frame)
    case .metrics(let step, let metrics):
      message.metrics.step = UInt64(step)
      message.metrics.metrics = metrics.map { .init($0) }
    case .ablation(let examination, let ablation):
      message.ablation = .init(examination, ablation)
    case .similarity(let examination, let pairs):
      message.similarity = .init(examination, pairs)
    case .reuse(let examination, let reuse): message.reuse = .init(examination, reuse)
    case .removalOrder(let examination, let order):
      message.removalOrder = .init(examination, order)
    case .attemptFinished(let finished): message.attemptFinished = .init(finished)
    }
    // Serialising fails only for missing required fields, which proto3 does not have.
    guard let bytes: [UInt8] = try? message.serializedBytes() else { throw .malformed }
    guard bytes.count <= Journal.maximumRecordLength else {
      throw .recordTooLong(bytes: bytes.count)
    }
    return bytes
  }

  /// The record of a payload that stood in `segment`; nil if it is of a kind this version does not know.
  ///
  /// - Throws: ``WireError`` for a payload that is no record or says what cannot be.
  public static func decode(
    _ payload: [UInt8], in segment: SegmentIdentity
  ) throws(WireError) -> Record? {
    // Not by rethrowing: that would lose the type of the error.
    if let problem = payload.withUnsafeBytes({ Self.problem($0) }) { throw problem }
    if let frame = FieldReader(ofOnly: 3, in: payload) {
      return .frame(try FrameFields.frame(frame))
    }
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    guard let message = try? ResnetProbe_V1_Record(serializedBytes: payload, options: options)
    else { throw .malformed }
    switch message.kind {
    case .runOpened(let opened): return .runOpened(try opened.value(in: segment))
    case .blockMap(let map): return .blockMap(try map.value())
    case .frame(let frame):
      // Beside fields of a later version: without them, it is read as every frame is.
      guard let bytes: [UInt8] = try? frame.serializedBytes() else { throw .malformed }
      return .frame(try FrameFields.frame(FieldReader(bytes)))
    case .metrics(let metrics):
      return .metrics(
        step: try count(metrics.step, "step"), try ResnetProbe_V1_Metric.values(metrics.metrics))
    case .ablation(let ablation): return try ablation.value()
    case .similarity(let similarity): return try similarity.value()
    case .reuse(let reuse): return try reuse.value()
    case .removalOrder(let order): return try order.value()
    case .attemptFinished(let finished): return .attemptFinished(try finished.value())
    case nil: return nil
    }
  }

  private static func problem(_ payload: UnsafeRawBufferPointer) -> WireError? {
    do throws(WireError) {
      try PayloadScan.check(payload)
      return nil
    } catch { return error }
  }

  /// The greatest step or size that is believed: what a Double holds exactly.
  package static let greatestCount = 1 << 53

  /// The greatest number of samples, elements or frames in one record that is believed.
  ///
  /// So the sum over the 2²⁰ ranks that a run may have fits 64 bits, in Swift and in SQL.
  package static let greatestSamples = 1 << 40

  static func count(
    _ value: UInt64, _ what: @autoclosure () -> String
  ) throws(WireError) -> Int {
    guard value <= UInt64(greatestCount) else { throw .impossible("a \(what()) of \(value)") }
    return Int(value)
  }

  static func samples(
    _ value: UInt64, _ what: @autoclosure () -> String
  ) throws(WireError) -> Int {
    guard value <= UInt64(greatestSamples) else { throw .impossible("a \(what()) of \(value)") }
    return Int(value)
  }

  static func moments(
    n: UInt64, mean: Double, m2: Double, of statistic: @autoclosure () -> String
  ) throws(WireError) -> Moments {
    let n = try samples(n, "\(statistic())_n")
    guard let moments = Moments(n: n, mean: mean, m2: m2) else {
      throw .impossible(
        "moments of \(statistic()) that no sample has (n \(n), mean \(mean), m2 \(m2))")
    }
    return moments
  }

  static func text(
    _ value: String, _ what: String, limit: Int, least: Int = 0
  ) throws(WireError) -> String {
    let bytes = value.utf8.count
    guard (least...limit).contains(bytes) else {
      throw .impossible("a \(what) of \(bytes) bytes (\(least) to \(limit) are allowed)")
    }
    return withoutNUL(value)
  }

  /// SQL texts end at U+0000: U+FFFD takes its place, so that what is stored is what is compared.
  static func withoutNUL(_ text: String) -> String {
    guard text.utf8.contains(0) else { return text }
    return String(
      String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
  }

  static func time(_ value: Double, _ what: String) throws(WireError) -> Double {
    // 9999-12-31, the last day SQLite's date functions know.
    guard value >= 0, value < 253_402_300_800 else { throw .impossible("a \(what) of \(value)") }
    return value
  }
}
