/// Float32 values lent to the recorder for one call.
///
/// An array is kept by reference, not copied; a pointer must stay valid until the call returns.
package enum FloatBuffer {
  case array([Float])
  case pointer(UnsafeBufferPointer<Float>)

  /// The number of values.
  package var count: Int {
    switch self {
    case .array(let values): values.count
    case .pointer(let values): values.count
    }
  }

  /// Lends the values to `body`.
  package func withValues<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    switch self {
    case .array(let values): try values.withUnsafeBufferPointer(body)
    case .pointer(let values): try body(values)
    }
  }

  /// Lends the values of several buffers at once, in order; an absent one stays absent.
  package static func withValues<Result>(
    _ buffers: [FloatBuffer?], _ body: ([UnsafeBufferPointer<Float>?]) throws -> Result
  ) rethrows -> Result {
    try open(buffers[...], [], body)
  }

  private static func open<Result>(
    _ rest: ArraySlice<FloatBuffer?>, _ opened: [UnsafeBufferPointer<Float>?],
    _ body: ([UnsafeBufferPointer<Float>?]) throws -> Result
  ) rethrows -> Result {
    guard let first = rest.first else { return try body(opened) }
    guard let buffer = first else { return try open(rest.dropFirst(), opened + [nil], body) }
    return try buffer.withValues { try open(rest.dropFirst(), opened + [$0], body) }
  }
}
