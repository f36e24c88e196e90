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
    /// The segment that was refused over HTTP last, and why.
    fileprivate var refusal: String?
  }

  private let state = Mutex(State())
  private let store: String
  private let logger: Logger

  /// A ledger of a store's daemon, which logs when failures begin and end.
  init(store: String, logger: Logger) {
    self.store = store
    self.logger = logger
  }

  /// The room below which a disk that was full still is: a few bytes may fit where a batch does not.
  ///
  /// Unit: bytes.
  static let leastRoom = 16 << 20

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
    if failure == nil, now.failure?.kind == .full,
      Health.freeBytes(holding: store) ?? .max < Self.leastRoom
    {
      return
    }
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
