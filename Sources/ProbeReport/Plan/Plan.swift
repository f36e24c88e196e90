public import ProbeAnalysis
public import ProbeCore

/// Which blocks of a run could be left out together, and what leaving out more or fewer costs: a value
/// that renderers turn into bytes (Plan.md).
public struct Plan: Sendable, Hashable {
  /// The run.
  public var run: RunSummary
  /// Its blocks in network order.
  public var blocks: [Block]
  /// The verdicts on them by ordinal.
  public var verdicts: [Int: BlockVerdict]
  /// What was measured; nil where the network was never examined.
  public var ablations: Ablations?
  /// What is known of the network's depth, the candidates among it.
  public var depth: Depth

  /// Puts a plan together.
  ///
  /// - Parameters:
  ///   - history: The run and its blocks.
  ///   - verdicts: The verdicts on them, in any order.
  ///   - window: The steps that the verdicts look at; nil for a run without records.
  ///   - settings: The settings that the verdicts were made with.
  ///   - choice: What is asked for.
  /// - Complexity: O(recent records + blocks² × orders + pairs log pairs).
  public init(
    history: History, verdicts: [BlockVerdict], window: VerdictWindow?,
    settings: VerdictSettings = VerdictSettings(),
    choice: CandidateSet.Choice = .withinTolerance
  ) {
    run = history.run
    blocks = history.blocks.map(\.block)
    self.verdicts = Dictionary(verdicts.map { ($0.ordinal, $0) }, uniquingKeysWith: { $1 })
    ablations = history.ablations
    depth = Depth(
      history, window: window, verdicts: verdicts, settings: settings, choice: choice)
  }

  /// The candidates in the order of removal.
  var candidates: [Block] {
    let byOrdinal = Dictionary(blocks.map { ($0.ordinal, $0) }, uniquingKeysWith: { $1 })
    return depth.candidates.ordinals.compactMap { byOrdinal[$0] }
  }

  /// What is said of the set, in sentences.
  var words: [String] {
    let words = CandidateWords(
      depth.candidates, examination: ablations?.examination, blocks: blocks.count)
    return words.headline + words.details
  }
}
