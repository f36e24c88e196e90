public import ProbeAnalysis
public import ProbeCore

/// What is to be said of a run: a value that renderers turn into bytes.
public struct Report: Sendable, Hashable {
  /// The run.
  public var run: RunSummary
  /// The steps that the verdicts look at; nil for a run without records.
  public var window: VerdictWindow?
  /// What was found, in sentences.
  public var summary: Summary
  /// The blocks in network order.
  public var blocks: [BlockRow]
  /// What else the reader has to know.
  public var findings: [Finding]
  /// The settings of the verdicts.
  public var settings: VerdictSettings
  /// What papers state of networks like it, where that was asked for.
  public var reference: PublishedReference?

  /// Puts a report together.
  ///
  /// - Parameters:
  ///   - history: The run and its blocks.
  ///   - verdicts: The verdicts on them, in any order; a block without one is undetermined.
  ///   - window: The steps that the verdicts look at; nil for a run without records.
  ///   - settings: The settings that the verdicts were made with.
  /// - Complexity: O(records in the window + trend points).
  public init(
    history: History, verdicts: [BlockVerdict], window: VerdictWindow?,
    settings: VerdictSettings = VerdictSettings()
  ) {
    let byOrdinal = Dictionary(verdicts.map { ($0.ordinal, $0) }, uniquingKeysWith: { $1 })
    let rankings = TaylorRanking.rank(history, over: window)
    let rows = zip(history.blocks, rankings).map { block, ranking in
      let ordinal = block.block.ordinal
      return BlockRow(
        history: block, records: window?.records(of: block) ?? [],
        verdict: byOrdinal[ordinal] ?? BlockVerdict(ordinal: ordinal, verdict: .undetermined),
        taylor: ranking)
    }
    run = history.run
    self.window = window
    self.settings = settings
    blocks = rows
    summary = Summary(rows)
    findings = Finding.all(history: history, window: window)
  }
}
