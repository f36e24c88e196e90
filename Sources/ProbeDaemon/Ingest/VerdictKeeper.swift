import ProbeAnalysis
public import ProbeCore
public import ProbeStore

/// Keeps the verdict rows and findings of a store current while journals are taken into it.
///
/// It remembers the measured steps of the runs it was asked about last, so that an update costs what is
/// new and the verdict window, not the run's past. What it writes does not depend on what it
/// remembers: a new one gives the same rows. One process writes a store at a time (``StoreLock``), and
/// one keeper in it; the rows say of which runs something came that it has not seen, so that nothing is
/// lost where it ends.
public struct VerdictKeeper: Sendable {
  /// The runs whose steps are remembered.
  static let rememberedRuns = 32

  private let settings: VerdictSettings
  private var steps: [Int: [StepSummary]] = [:]
  private var order: [Int] = []

  /// A keeper that remembers nothing yet.
  public init(settings: VerdictSettings = VerdictSettings()) { self.settings = settings }

  /// Judges these runs by what was taken in of them and writes what comes of it.
  ///
  /// A run that is not in the store is passed over. - Throws: `StoreError`; the runs before stay
  /// updated, the others due.
  public mutating func update(_ runs: some Sequence<Int>, in store: Store) throws(StoreError) {
    for run in runs { try update(run, in: store) }
  }

  private mutating func update(_ run: Int, in store: Store) throws(StoreError) {
    let mark = try store.intakeMark(ofRun: run)
    let known = steps.removeValue(forKey: run)
    let settings = settings
    let changed = try store.keepFindings(
      ofRun: run, windowSteps: IdentityHysteresis.windowSteps
    ) { before, block, steps, records in
      IdentityHysteresis.next(
        after: before, of: block, steps: steps, records: records, settings: settings)
    }
    let steps = try store.steps(ofRun: run, known: known, changed: changed)
    let window = VerdictWindow(steps: steps, settings: settings)
    let request = HistoryRequest(
      window: window.map { $0.firstStep...$0.lastStep }, reference: nil,
      threshold: 2 * settings.epsilon)
    let blocks = try store.evidence(ofRun: run, steps: steps, request: request)
    let verdicts = Verdicts.judge(blocks, steps: steps, window: window, settings: settings)
    try store.write(verdicts, ofRun: run, settings: settings.json, asOf: mark)
    remember(steps, ofRun: run)
  }

  private mutating func remember(_ steps: [StepSummary], ofRun run: Int) {
    self.steps[run] = steps
    order.removeAll { $0 == run }
    order.append(run)
    while order.count > Self.rememberedRuns { self.steps[order.removeFirst()] = nil }
  }
}

extension Store {
  /// A run's measured steps, where they are known but for those that changed.
  fileprivate func steps(
    ofRun run: Int, known: [StepSummary]?, changed: ClosedRange<Int>?
  ) throws(StoreError) -> [StepSummary] {
    guard var steps = known else { return try self.steps(ofRun: run) }
    guard let changed else { return steps }
    let start = steps.partition(before: changed.lowerBound)
    let end =
      changed.upperBound == Int.max ? steps.count : steps.partition(before: changed.upperBound + 1)
    steps.replaceSubrange(start..<end, with: try self.steps(ofRun: run, in: changed))
    return steps
  }
}

extension [StepSummary] {
  /// The place of the first step that is not before another, of steps in order.
  fileprivate func partition(before step: Int) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].step < step { low = middle + 1 } else { high = middle }
    }
    return low
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
