import Logging
import NIOPosix
import ProbeStore
import ServiceLifecycle

/// Keeps the verdicts of growing runs current: whatever has frames that no verdict has seen is judged.
struct VerdictService: Service {
  /// The time between two looks.
  static let interval = Duration.milliseconds(500)

  let store: Store
  let logger: Logger

  func run() async throws {
    while !Task.isCancelled && !Task.isShuttingDownGracefully {
      await judge()
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
    }
    // The intakes have ended by now: the last word on what they brought.
    await judge()
  }

  private func judge() async {
    do {
      let store = store
      try await NIOThreadPool.singleton.runIfActive {
        try VerdictUpdate.update(try store.runsWithVerdictsDue(), in: store)
      }
    } catch { logger.debug("cannot judge: \(error)") }
  }
}
