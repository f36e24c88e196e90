import Glibc
import Logging
import NIOPosix
import ProbeStore
import ServiceLifecycle

/// Follows a spool: what recorders append is in the store within a second.
///
/// It looks at the folder again and again, since a spool may lie on a network file system, where nobody
/// is told of changes.
struct SpoolFollower: Service {
  /// The time between two looks.
  static let interval = Duration.milliseconds(200)
  /// What is taken in before the folder is listed anew, segments that grow first: no backlog keeps a living
  /// run waiting.
  ///
  /// Unit: bytes.
  static let bytesAtATime = 16 << 20
  /// The time between two looks while the store cannot be written.
  static let pause = Duration.seconds(2)

  let folder: String
  let store: Store
  let file: FileIdentity
  let ledger: IntakeLedger
  let logger: Logger

  func run() async throws {
    let stop = StopFlag()
    await withGracefulShutdownHandler {
      await follow(stop)
    } onGracefulShutdown: {
      stop.set()
    }
  }

  /// Takes in what the store lacks of segments that were delivered before: a store that is an older copy.
  private func recover(_ stop: StopFlag) async throws -> [SegmentAccount] {
    let (folder, store) = (folder, store)
    return try await WorkThreads.services.runIfActive {
      try DeliveredIntake(folder: folder).take(into: store) { stop.isSet }
    }
  }

  private func follow(_ stop: StopFlag) async {
    var intake = SpoolIngest(folder: folder)
    var isRecovered = false
    var told = ToldRemarks()
    while !stop.isSet && !Task.isCancelled {
      let wait: Duration
      do {
        try store.check(isStill: file)
        if !isRecovered {
          note(try await recover(stop), &told)
          isRecovered = true
        }
        let (next, account) = try await look(intake, stop)
        intake = next
        note(account.segments, &told)
        if let stuck = account.stuck, told.isNews(stuck) { logger.warning("\(stuck)") }
        told.tell(isThere: access(folder, R_OK | X_OK) == 0, folder, logger)
        wait = account.isBounded ? .zero : Self.interval
      } catch {
        fail(error)
        wait = Self.pause
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: wait) }
    }
  }

  private func look(
    _ intake: SpoolIngest, _ stop: StopFlag
  ) async throws -> (SpoolIngest, SpoolIngest.Account) {
    let store = store
    let ledger = ledger
    return try await WorkThreads.services.runIfActive {
      var intake = intake
      let account = try intake.take(into: store, atMost: Self.bytesAtATime) { stop.isSet }
      // Nothing was in the way of writing, if anything was to be written.
      if !account.segments.isEmpty { ledger.note(nil) }
      return (intake, account)
    }
  }

  private func note(_ accounts: [SegmentAccount], _ told: inout ToldRemarks) {
    for account in accounts {
      if account.frames > 0 { ledger.note(frames: account.frames, at: WallClock.now) }
      let level: Logger.Level = account.isFailure ? .warning : .debug
      guard told.isNews(account) else { continue }
      for remark in account.remarks { logger.log(level: level, "\(remark)") }
    }
  }

  private func fail(_ error: any Error) {
    if error is CancellationError { return }
    guard let error = error as? StoreError else {
      return logger.error("cannot follow \(folder): \(error)")
    }
    ledger.note(error)
  }
}
