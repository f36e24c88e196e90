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

/// Keeps the verdict rows of a store current, with the settings that Verdicts.md gives.
public enum VerdictUpdate {
  /// Judges these runs anew and writes what comes of it.
  public static func update(_ runs: some Sequence<Int>, in store: Store) throws(StoreError) {
    let settings = VerdictSettings()
    for id in runs {
      guard let run = try store.run(id) else { continue }
      let judged = try JudgedRun(run, in: store, settings: settings)
      try store.write(judged.verdicts, ofRun: id, settings: settings.json)
    }
  }
}

extension VerdictSettings {
  /// The settings as a JSON object, keys as in a report's `settings`.
  fileprivate var json: String {
    """
    {"confidence":\(confidence),"epsilon":\(epsilon),"minimum_records":\(minimumRecords),\
    "minimum_samples":\(minimumSamples),"spread_share":\(spreadShare),\
    "strict_epsilon":\(strictEpsilon),"window_share":\(windowShare)}
    """
  }
}
