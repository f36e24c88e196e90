import ProbeAnalysis
public import ProbeCore
public import ProbeStore

/// Keeps the verdict rows and findings of a store current while journals are taken into it.
///
/// It remembers the measured steps and the verdict windows of the runs it was asked about last, so that
/// an update reads what is new and not the run's past. What it writes does not depend on what it
/// remembers: a new one gives the same rows. One process writes a store at a time (``StoreLock``), and
/// one keeper in it; the rows say of which runs something came that it has not seen, so that nothing is
/// lost where it ends.
public struct VerdictKeeper: Sendable {
  /// The runs whose steps are remembered, those judged last.
  static let rememberedRuns = 32
  /// The records of windows that are remembered, of the runs judged last: about 200 bytes each.
  static let rememberedRecords = 200_000

  private let settings: VerdictSettings
  private var known: [Int: KnownRun] = [:]
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
    // Taken out first: what fails half-way is not remembered.
    var known = known.removeValue(forKey: run)
    let settings = settings
    let changed = try store.keepFindings(
      ofRun: run, windowSteps: IdentityHysteresis.windowSteps
    ) { before, block, steps, records in
      IdentityHysteresis.next(
        after: before, of: block, steps: steps, records: records, settings: settings)
    }
    if let changed { try known?.renew(run, changed: changed, in: store) }
    var current = if let known { known } else { try KnownRun(run, in: store) }
    known = nil
    let window = VerdictWindow(steps: current.steps, settings: settings)
    try current.move(run, to: window, in: store)
    let verdicts = try Verdicts.judge(
      current.blocks, steps: current.steps, window: window,
      ablations: try store.ablations(ofRun: run), settings: settings
    ) { ordinal throws(StoreError) in
      try store.lastCrossing(ofBlock: ordinal, inRun: run, threshold: 2 * settings.epsilon)
    }
    try store.write(verdicts, ofRun: run, settings: settings.json, asOf: mark)
    remember(current, ofRun: run)
  }

  private mutating func remember(_ current: KnownRun, ofRun run: Int) {
    known[run] = current
    order.removeAll { $0 == run }
    order.append(run)
    while order.count > Self.rememberedRuns { known[order.removeFirst()] = nil }
    var records = 0
    for run in order.reversed() {
      records += known[run]?.records ?? 0
      if records > Self.rememberedRecords { known[run]?.forgetRecords() }
    }
  }
}

extension VerdictSettings {
  /// The settings as a JSON object, keys as in a report's `settings`.
  fileprivate var json: String {
    """
    {"confidence":\(confidence),"constant_fraction":\(constantFraction),"epsilon":\(epsilon),\
    "minimum_records":\(minimumRecords),"minimum_samples":\(minimumSamples),\
    "spread_share":\(spreadShare),"strict_epsilon":\(strictEpsilon),\
    "tolerance":\(tolerance.map { "\($0)" } ?? "null"),"window_share":\(windowShare)}
    """
  }
}
