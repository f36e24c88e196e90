import Logging
import NIOPosix
import ProbeStore
import ServiceLifecycle
import Synchronization

/// Keeps the verdicts and findings of growing runs current: whatever has frames that no verdict has seen
/// is judged.
struct VerdictService: Service {
  /// The time between two looks.
  static let interval = Duration.milliseconds(500)

  let store: Store
  let logger: Logger

  private let keeper = Keeper()

  init(store: Store, logger: Logger) {
    self.store = store
    self.logger = logger
  }

  func run() async throws {
    while !Task.isCancelled && !Task.isShuttingDownGracefully {
      await judge()
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
    }
    // The intakes have ended by now: the last word on what they brought.
    await judge()
  }

  private func judge() async {
    let (store, keeper) = (store, keeper)
    do {
      try await NIOThreadPool.singleton.runIfActive {
        let due = try store.runsWithVerdictsDue()
        try keeper.value.withLock { try $0.update(due, in: store) }
      }
    } catch { logger.debug("cannot judge: \(error)") }
  }

  /// The one keeper, changed in place: a copy would copy the windows it remembers.
  private final class Keeper: Sendable {
    let value = Mutex(VerdictKeeper())
  }
}
