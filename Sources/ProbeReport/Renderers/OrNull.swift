/// A value in JSON that is null where there is none, rather than left out.
public struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
  /// The value.
  public let value: Value?

  init(_ value: Value?) { self.value = value }

  /// Writes the value, or null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let value { try container.encode(value) } else { try container.encodeNil() }
  }
}

extension OrNull<Double> {
  /// A number; null where it is not finite, which JSON cannot hold.
  init(finite value: Double?) { self.init(value.flatMap { $0.isFinite ? $0 : nil }) }
}
