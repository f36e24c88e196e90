import NIOPosix
import ProbeStore
import ServiceLifecycle

/// Watches whether the store is still the file that was opened, and whether it can be written again.
struct StoreWatch: Service {
  /// The time between two looks.
  static let interval = Duration.seconds(1)

  let store: Store
  let file: FileIdentity
  let ledger: IntakeLedger

  /// Ends with ``DaemonError/store(_:)`` once the file is gone: a daemon would write into nowhere.
  func run() async throws {
    while !Task.isCancelled && !Task.isShuttingDownGracefully {
      do throws(StoreError) { try store.check(isStill: file) } catch {
        ledger.note(error)
        throw DaemonError.store(error)
      }
      let store = store
      if ledger.now.failure != nil,
        try await WorkThreads.services.runIfActive({ store.canBeWritten })
      {
        ledger.note(nil)
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
    }
  }
}
