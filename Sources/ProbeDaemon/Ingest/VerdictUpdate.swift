public import ProbeAnalysis
public import ProbeCore
public import ProbeStore

/// A run as analyses see it, and what they say of it: where store and analysis meet.
public struct JudgedRun: Sendable {
  /// The run's history.
  public let history: History
  /// The steps that the verdicts look at; nil for a run without steps.
  public let window: VerdictWindow?
  /// The verdict on each block.
  public let verdicts: [BlockVerdict]

  /// Reads a run's history from a store and judges its blocks.
  public init(_ run: RunSummary, in store: Store, settings: VerdictSettings) throws(StoreError) {
    let steps = try store.steps(ofRun: run.id)
    window = VerdictWindow(steps: steps, settings: settings)
    let request = HistoryRequest(
      window: window.map { $0.firstStep...$0.lastStep }, reference: window?.warmUp.end,
      threshold: 2 * settings.epsilon)
    history = try store.history(of: run, steps: steps, request: request)
    verdicts = Verdicts.judge(history, settings: settings)
  }
}

/// Keeps the verdict rows and findings of a store current in one go, with the settings that Verdicts.md
/// gives.
///
/// Who goes on taking in keeps a ``VerdictKeeper`` instead.
public enum VerdictUpdate {
  /// Judges these runs anew and writes what comes of it.
  public static func update(_ runs: some Sequence<Int>, in store: Store) throws(StoreError) {
    var keeper = VerdictKeeper()
    try keeper.update(runs, in: store)
  }
}
