/// A message that is read field by field.
protocol FieldMessage {
  init()

  /// Reads one field's value, or skips it.
  mutating func take(_ field: FieldReader.Field, _ reader: inout FieldReader) throws(WireError)
}

/// Walks through the fields of a protobuf message.
///
/// For frames only: swift-protobuf's generated reader and the copy from its messages took more than
/// 40 % of an intake's time; this takes 15 % of an intake that is twice as fast. As there, a field of
/// another wire type than expected is an unknown one, which is skipped; a message that comes in parts
/// is merged; of a number that comes twice the later stands. Groups, which proto3 does not have, are
/// malformed.
struct FieldReader {
  /// A field's number and how its value is written.
  struct Field {
    var number: UInt64
    var wire: UInt64
  }

  private static let varint: UInt64 = 0
  private static let fixed64: UInt64 = 1
  private static let delimited: UInt64 = 2
  private static let fixed32: UInt64 = 5

  private let bytes: [UInt8]
  private var at: Int
  private var end: Int

  /// A reader of the message that these bytes are.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    at = 0
    end = bytes.count
  }

  /// A reader of the only field of a message; nil where it is not this one, or not the only one.
  init?(ofOnly number: UInt64, in bytes: [UInt8]) {
    self.init(bytes)
    guard let field = try? next(), field.number == number, field.wire == Self.delimited,
      let last = try? stop(), last == end
    else { return nil }
  }

  /// The next field, whose value has to be read or skipped then; nil at the end of the message.
  mutating func next() throws(WireError) -> Field? {
    guard at < end else { return nil }
    let tag = try varint()
    guard tag >> 3 > 0, tag <= UInt64(UInt32.max) else { throw .malformed }
    return Field(number: tag >> 3, wire: tag & 7)
  }

  mutating func skip(_ field: Field) throws(WireError) {
    switch field.wire {
    case Self.varint: _ = try varint()
    case Self.fixed64: try advance(by: 8)
    case Self.delimited: at = try stop()
    case Self.fixed32: try advance(by: 4)
    default: throw .malformed
    }
  }

  mutating func read(_ value: inout UInt64, _ field: Field) throws(WireError) {
    guard field.wire == Self.varint else { return try skip(field) }
    value = try varint()
  }

  mutating func read(_ value: inout UInt32, _ field: Field) throws(WireError) {
    guard field.wire == Self.varint else { return try skip(field) }
    value = UInt32(truncatingIfNeeded: try varint())
  }

  mutating func read(_ value: inout Double, _ field: Field) throws(WireError) {
    guard field.wire == Self.fixed64 else { return try skip(field) }
    value = try double()
  }

  mutating func read(_ value: inout Double?, _ field: Field) throws(WireError) {
    guard field.wire == Self.fixed64 else { return try skip(field) }
    value = try double()
  }

  /// Adds to a list of integers, packed or single.
  mutating func read(_ values: inout [UInt64], _ field: Field) throws(WireError) {
    switch field.wire {
    case Self.varint: values.append(try varint())
    case Self.delimited:
      let last = try stop()
      // Most are histograms' slots and counts: a few dozen.
      values.reserveCapacity(min(last - at, 128))
      while at < last { values.append(try varint()) }
      guard at == last else { throw .malformed }
    default: try skip(field)
    }
  }

  mutating func read(_ value: inout String, _ field: Field) throws(WireError) {
    guard field.wire == Self.delimited else { return try skip(field) }
    let last = try stop()
    guard let text = String(validating: bytes[at..<last], as: UTF8.self) else { throw .malformed }
    value = text
    at = last
  }

  mutating func read<Message: FieldMessage>(
    _ message: inout Message, _ field: Field
  ) throws(WireError) {
    guard field.wire == Self.delimited else { return try skip(field) }
    let outer = end
    end = try stop()
    while let field = try next() { try message.take(field, &self) }
    end = outer
  }

  mutating func read<Message: FieldMessage>(
    _ message: inout Message?, _ field: Field
  ) throws(WireError) {
    guard field.wire == Self.delimited else { return try skip(field) }
    var present = message ?? Message()
    try read(&present, field)
    message = present
  }

  /// Most have one byte: those without a call.
  @inline(__always)
  private mutating func varint() throws(WireError) -> UInt64 {
    guard at < end, bytes[at] < 0x80 else { return try longVarint() }
    at += 1
    return UInt64(bytes[at - 1])
  }

  private mutating func longVarint() throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < end, shift < 64 {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .malformed
  }

  private mutating func double() throws(WireError) -> Double {
    guard end - at >= 8 else { throw .malformed }
    let bits = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
    at += 8
    return Double(bitPattern: UInt64(littleEndian: bits))
  }

  /// Reads the length of the value that follows, all of which is there; returns where it ends.
  private mutating func stop() throws(WireError) -> Int {
    let length = try varint()
    guard length <= UInt64(end - at) else { throw .malformed }
    return at + Int(length)
  }

  private mutating func advance(by count: Int) throws(WireError) {
    guard count <= end - at else { throw .malformed }
    at += count
  }
}
