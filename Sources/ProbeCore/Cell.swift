/// A value as SQL knows it.
public enum Cell: Sendable, Hashable {
  /// No value.
  case null
  /// A whole number.
  case integer(Int64)
  /// A floating-point number.
  case real(Double)
  /// Text; not trusted to be printable.
  case text(String)
  /// Bytes.
  case blob([UInt8])
}
