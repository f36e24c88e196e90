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
    /// When it failed last.
    fileprivate var failedAt = ContinuousClock.now
    /// The segment that was refused over HTTP last, and why.
    fileprivate var refusal: String?
  }

  private let state = Mutex(State())
  private let logger: Logger

  /// A ledger that logs when failures begin and end.
  init(logger: Logger) { self.logger = logger }

  /// How long everything must fit on a disk that was full before it counts as freed.
  ///
  /// A few bytes may fit where a batch does not; it is longer than a client is told to wait.
  static let settling = Duration.seconds(5)

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

  /// Notes a segment that was refused over HTTP; said once where a client sends it again and again.
  func noteRefusal(_ words: String) {
    let isNews = state.withLock { state in
      defer { state.refusal = words }
      return state.refusal != words
    }
    if isNews { logger.warning("refused \(words)") }
  }

  /// Notes that the store could not be written; nil: that it could.
  func note(_ failure: StoreError?) {
    let moment = ContinuousClock.now
    let before = state.withLock { state in
      let before = state.failure
      if failure == nil, before?.kind == .full, moment < state.failedAt + Self.settling {
        return StoreError?.none
      }
      if failure != nil { state.failedAt = moment }
      state.failure = failure
      return before
    }
    if let failure {
      if failure != before { logger.error("\(failure); \(failure.hint)") }
    } else if before != nil {
      logger.notice("the store can be written again")
    }
  }
}
