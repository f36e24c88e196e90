public import ProbeStore
import Synchronization

/// What a daemon's intake has done, by spool and by HTTP: what `health` tells, and which runs wait for a verdict.
///
/// Any thread may note and ask.
public final class IntakeLedger: Sendable {
  /// The intake at one moment.
  public struct State: Sendable, Hashable {
    /// When rows were last committed; nil before the first time.
    ///
    /// Unit: seconds since 1970.
    public var lastCommitAt: Double?
    /// The frames that were new in the store since the daemon began.
    public var frames = 0
    /// What the last attempt to write failed of; nil after one that succeeded.
    public var failure: StoreError?
    /// The runs that something came of since they were last asked for.
    fileprivate var touched: Set<Int> = []
  }

  private let state = Mutex(State())

  /// A ledger without entries.
  public init() {}

  /// The intake now.
  public var now: State { state.withLock { $0 } }

  /// Notes a commit of so many new frames of these runs.
  ///
  /// `time` is in seconds since 1970.
  public func note(runs: some Sequence<Int>, frames: Int, at time: Double) {
    state.withLock {
      $0.lastCommitAt = time
      $0.frames += frames
      $0.touched.formUnion(runs)
      $0.failure = nil
    }
  }

  /// Notes that the store could not be written.
  public func note(_ failure: StoreError) { state.withLock { $0.failure = failure } }

  /// Hands over the runs that something came of since it was last asked.
  public func takeTouchedRuns() -> Set<Int> {
    state.withLock { state in
      defer { state.touched = [] }
      return state.touched
    }
  }
}
