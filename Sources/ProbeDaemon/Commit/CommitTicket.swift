import ProbeStore
import Synchronization

/// What a batch that was handed to the writer comes to, once it is known.
///
/// One task settles it, one waits for it.
final class CommitTicket: Sendable {
  typealias Result = Swift.Result<AppendOutcome, DaemonError>

  private enum State {
    case open
    case awaited(CheckedContinuation<Result, Never>)
    case settled(Result)
  }

  private let state = Mutex(State.open)

  /// Says what came of the batch; only the first word counts.
  func settle(_ result: Result) {
    let waiting: CheckedContinuation<Result, Never>? = state.withLock { state in
      switch state {
      case .open:
        state = .settled(result)
        return nil
      case .awaited(let continuation):
        state = .settled(result)
        return continuation
      case .settled: return nil
      }
    }
    waiting?.resume(returning: result)
  }

  /// Waits until the batch is durable and says what came of it.
  ///
  /// - Throws: ``DaemonError``; nothing of the batch is in the store then.
  func outcome() async throws(DaemonError) -> AppendOutcome {
    let result = await withCheckedContinuation { continuation in
      let known: Result? = state.withLock { state in
        if case .settled(let result) = state { return result }
        state = .awaited(continuation)
        return nil
      }
      if let known { continuation.resume(returning: known) }
    }
    return try result.get()
  }
}
