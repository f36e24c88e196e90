import Logging
import NIOPosix
import ProbeStore
import ServiceLifecycle
import Synchronization

/// Keeps the verdicts and findings of growing runs current: whatever has frames that no verdict has seen
/// is judged.
struct VerdictService: Service {
  /// The time between two looks.
  static let interval = Duration.milliseconds(250)
  /// How long intake may keep a run waiting for its verdicts: judging holds the writer, and bodies come first.
  static let patience = Duration.seconds(2)
  /// While intake is busy judging takes at most this part of the time: one in so many.
  static let busyShare = 10

  let store: Store
  let ledger: IntakeLedger
  let logger: Logger
  private let keeper = Keeper()

  init(store: Store, ledger: IntakeLedger, logger: Logger) {
    self.store = store
    self.ledger = ledger
    self.logger = logger
  }

  func run() async throws {
    let clock = ContinuousClock()
    var next = clock.now + Self.patience
    while !Task.isCancelled && !Task.isShuttingDownGracefully {
      if isQuiet || clock.now >= next {
        let cost = await clock.measure { await judge() }
        next = clock.now + max(Self.patience, cost * Self.busyShare)
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
    }
    // The intakes have ended by now: the last word on what they brought.
    await judge()
  }

  /// Whether nothing has been committed since the last look.
  private var isQuiet: Bool {
    ledger.now.lastCommitAt.map { WallClock.now - $0 > Self.interval / .seconds(1) } ?? true
  }

  private func judge() async {
    let (store, keeper) = (store, keeper)
    do {
      try await WorkThreads.services.runIfActive {
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
