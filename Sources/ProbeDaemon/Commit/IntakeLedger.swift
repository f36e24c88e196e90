import ProbeStore
import Synchronization

/// What a daemon's intake has done, by spool and by HTTP: what `health` tells.
///
/// Any thread may note and ask.
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

  /// The intake now.
  var now: State { state.withLock { $0 } }

  /// Notes a commit of so many new frames.
  ///
  /// `time` is in seconds since 1970.
  func note(frames: Int, at time: Double) {
    state.withLock {
      $0.lastCommitAt = time
      $0.frames += frames
      $0.failure = nil
    }
  }

  /// Notes that the store could not be written; nil: that it could again.
  func note(_ failure: StoreError?) { state.withLock { $0.failure = failure } }
}
