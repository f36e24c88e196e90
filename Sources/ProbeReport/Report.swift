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
  /// What the ablations were measured on, and all of them; nil where the network was never examined.
  public var ablations: Ablations?
  /// How well training statistics order the ablated blocks; nil where no single block was ablated.
  public var skill: Skill?
  /// How large gradients are over depth.
  public var gradients: GradientProfile
  /// How much of the depth is in use, and what could be left out.
  public var depth: Depth
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
  /// - Complexity: O(records in the window + trend points), and ``Depth``'s.
  public init(
    history: History, verdicts: [BlockVerdict], window: VerdictWindow?,
    settings: VerdictSettings = VerdictSettings()
  ) {
    let byOrdinal = Dictionary(verdicts.map { ($0.ordinal, $0) }, uniquingKeysWith: { $1 })
    let singles = history.ablations?.singles ?? [:]
    let rankings = TaylorRanking.rank(
      history, over: window, confidence: settings.confidence)
    let rows = zip(history.blocks, rankings).map { block, ranking in
      let ordinal = block.block.ordinal
      return BlockRow(
        history: block, records: window?.records(of: block) ?? [],
        verdict: byOrdinal[ordinal] ?? BlockVerdict(ordinal: ordinal, verdict: .undetermined),
        taylor: ranking, ablation: singles[ordinal])
    }
    run = history.run
    self.window = window
    self.settings = settings
    blocks = rows
    ablations = history.ablations
    summary = Summary(rows, ablations: history.ablations, window: window, settings: settings)
    skill = Skill(history, window: window)
    gradients = GradientProfile(history)
    depth = Depth(history, window: window, verdicts: verdicts, settings: settings)
    findings =
      Finding.all(history: history, window: window, settings: settings)
      + Finding.health(history: history, window: window, gradients: gradients)
  }
}
