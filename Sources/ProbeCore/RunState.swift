/// How a run stands at a moment: its status, and whether it has fallen silent.
public enum RunState: String, Sendable, CaseIterable {
  /// It has not ended, and was heard of not long ago.
  case running
  /// It has not ended, but nothing was heard of it for long: killed, hanging or cut off.
  case stale
  /// Its newest attempt came to its end.
  case completed
  /// Its newest attempt stopped on an error.
  case failed

  /// The shortest silence that makes a run stale.
  ///
  /// Unit: seconds.
  public static let shortestSilence = 600.0
  /// The silence that makes a run stale, as a multiple of the mean time between its frames.
  public static let silentIntervals = 10.0
}

extension RunSummary {
  /// How the run stands at a time in seconds since 1970.
  ///
  /// A run that has not ended is stale when it has been silent for 10 minutes and for 10 times the
  /// mean time between its frames. A clock set back makes no run stale.
  public func state(at now: Double) -> RunState {
    switch status {
    case .completed: return .completed
    case .failed: return .failed
    case nil:
      let interval = frames > 1 ? (lastSeenAt - startedAt) / Double(frames - 1) : 0
      let silence = max(RunState.shortestSilence, RunState.silentIntervals * interval)
      return now - lastSeenAt > silence ? .stale : .running
    }
  }
}
