import Logging
import ProbeStore
import Synchronization

/// What a daemon's intake has done, by spool and by HTTP: what `health` tells.
///
/// A failure is logged when it begins and when it ends, however often it is met. Any thread may note
/// and ask.
final class IntakeLedger: Sendable {
  /// The intake at one moment.
  struct State: Sendable, Hashable {
    /// When rows were last committed; nil before the first time.
    ///
    /// Unit: seconds since 1970.
    var lastCommitAt: Double?
    /// The frames that were new in the store since the daemon began.
    var frames = 0
    /// What the last attempt to write failed of; nil after one that succeeded.
    var failure: StoreError?
  }

  private let state = Mutex(State())
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  /// The intake now.
  var now: State { state.withLock { $0 } }

  /// Notes a commit of so many new frames.
  ///
  /// `time` is in seconds since 1970.
  func note(frames: Int, at time: Double) {
    state.withLock {
      $0.lastCommitAt = time
      $0.frames += frames
    }
    note(nil)
  }

  /// Notes that the store could not be written; nil: that it could.
  func note(_ failure: StoreError?) {
    let before = state.withLock { state in
      defer { state.failure = failure }
      return state.failure
    }
    if let failure {
      if failure != before { logger.error("\(failure); \(failure.hint)") }
    } else if before != nil {
      logger.notice("the store can be written again")
    }
  }
}
