import NIOPosix
import Synchronization

/// Threads for what blocks: reading and writing files and the store.
enum WorkThreads {
  /// For the daemon's own work, a thread each: following the spool, judging, watching the store.
  static let services = start(3)

  private static let readers = start(2)
  /// The reads that run or wait.
  private static let reads = Mutex(0)
  /// The most of them: more than that wait longer than anybody does.
  private static let mostReads = 64

  /// Reads something for a client: on threads that no intake needs.
  ///
  /// - Throws: ``DaemonError/tooManyReads`` where too many others wait, else what `body` throws.
  static func read<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    let isFree = reads.withLock { reads in
      guard reads < mostReads else { return false }
      reads += 1
      return true
    }
    guard isFree else { throw DaemonError.tooManyReads }
    defer { reads.withLock { $0 -= 1 } }
    return try await readers.runIfActive(body)
  }

  private static func start(_ count: Int) -> NIOThreadPool {
    let pool = NIOThreadPool(numberOfThreads: count)
    pool.start()
    return pool
  }
}
