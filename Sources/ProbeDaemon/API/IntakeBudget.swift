import Synchronization

/// The memory that the bodies in flight may take together: taken before a body is read, given back when
/// it is answered.
final class IntakeBudget: Sendable {
  /// The most that may be taken at one time.
  ///
  /// Unit: bytes.
  let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// What is taken now.
  ///
  /// Unit: bytes.
  var inUse: Int { used.withLock { $0 } }

  /// Lends `bytes` to `body`, or all there is where that is less.
  ///
  /// - Throws: ``DaemonError/queueFull`` where they are not free.
  func lend<Value>(_ bytes: Int, to body: () async throws -> Value) async throws -> Value {
    let bytes = min(bytes, limit)
    let isFree = used.withLock { used in
      guard used + bytes <= limit else { return false }
      used += bytes
      return true
    }
    guard isFree else { throw DaemonError.queueFull }
    defer { used.withLock { $0 -= bytes } }
    return try await body()
  }
}
