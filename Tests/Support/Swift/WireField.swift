/// One field of a protobuf message as bytes have it: what hostile payloads are built from.
public struct WireField: Sendable {
  /// The value, by wire type.
  public enum Value: Sendable {
    /// Wire type 0.
    case varint(UInt64)
    /// Wire type 1.
    case fixed64(UInt64)
    /// Wire type 2: bytes, text or packed numbers.
    case bytes([UInt8])
    /// Wire type 2: a message, as far as one can tell.
    case message([WireField])
    /// Wire type 5.
    case fixed32(UInt32)
  }

  /// The field's number.
  public var number: Int
  /// Its value.
  public var value: Value

  /// A field.
  public init(_ number: Int, _ value: Value) {
    self.number = number
    self.value = value
  }

  /// A message of these fields.
  public static func bytes(_ fields: some Sequence<WireField>) -> [UInt8] {
    var bytes: [UInt8] = []
    for field in fields { field.write(to: &bytes) }
    return bytes
  }

  /// A number as a varint.
  public static func varint(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// The fields of a message; nil where the bytes are none.
  ///
  /// What is itself a message is taken apart too, to the given depth.
  public static func fields(of bytes: some Collection<UInt8>, depth: Int) -> [WireField]? {
    var rest = Array(bytes)[...]
    var fields: [WireField] = []
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 70, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << UInt64(shift)
        if byte < 0x80 { return value }
      }
      return nil
    }
    func little(_ count: Int) -> UInt64? {
      guard rest.count >= count else { return nil }
      defer { rest.removeFirst(count) }
      return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    while !rest.isEmpty {
      guard let tag = varint(), (1...63).contains(tag >> 3) else { return nil }
      let value: Value?
      switch tag & 7 {
      case 0: value = varint().map { .varint($0) }
      case 1: value = little(8).map { .fixed64($0) }
      case 2:
        guard let length = varint(), length <= UInt64(rest.count) else { return nil }
        let content = rest.prefix(Int(length))
        rest.removeFirst(Int(length))
        let inner = depth > 0 && !content.isEmpty ? Self.fields(of: content, depth: depth - 1) : nil
        value = inner.map { .message($0) } ?? .bytes(Array(content))
      case 5: value = little(4).map { .fixed32(UInt32($0)) }
      default: value = nil
      }
      guard let value else { return nil }
      fields.append(WireField(Int(tag >> 3), value))
    }
    return fields
  }

  private func write(to bytes: inout [UInt8]) {
    func tag(_ wireType: Int) -> [UInt8] { Self.varint(UInt64(number << 3 | wireType)) }
    switch value {
    case .varint(let number): bytes += tag(0) + Self.varint(number)
    case .fixed64(let bits):
      bytes += tag(1)
      withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
    case .bytes(let content): bytes += tag(2) + Self.varint(UInt64(content.count)) + content
    case .message(let fields):
      let content = Self.bytes(fields)
      bytes += tag(2) + Self.varint(UInt64(content.count)) + content
    case .fixed32(let bits):
      bytes += tag(5)
      withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
    }
  }
}
