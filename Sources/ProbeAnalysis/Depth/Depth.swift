public import ProbeCore

/// How much of a network's depth is in use, and what could be left out (Depth.md).
///
/// A function of the history and of nothing else; what it has from an examination is of the network as it
/// was then (``examination``).
public struct Depth: Sendable, Hashable {
  /// Whether the run's examination counts; nil where the network was never examined.
  public let examination: ExaminationUse?
  /// How many blocks do the work, by each score that some block has: the one to speak first, first.
  public let effective: [EffectiveDepth]
  /// How many branches the gradient runs through; nil where no residual block has a `branch_gain`.
  public let pathLength: PathLength?
  /// How crooked the stream's way through each stage is.
  public let tortuosity: [Tortuosity]
  /// The spans of each stage.
  public let spans: [StageSpans]
  /// How alike blocks are; nil where that was not measured.
  public let similarity: BlockSimilarity?
  /// What dense blocks read, stage by stage.
  public let reuse: [ReuseSummary]
  /// What dropping more and more blocks costs; nil where that was not measured.
  public let curves: RemovalCurves?
  /// The blocks that could be left out together.
  public let candidates: CandidateSet

  /// Looks at a run.
  ///
  /// The ablation speaks first where the examination counts and gives at least as many blocks a number as
  /// training gives a Taylor importance; else Taylor importance does.
  ///
  /// - Parameters:
  ///   - history: The run.
  ///   - window: The steps that the verdicts look at; nil for a run without records.
  ///   - verdicts: The verdicts on the blocks, in any order.
  ///   - settings: The settings that the verdicts were made with.
  ///   - choice: What is asked of the candidates.
  /// - Complexity: O(recent records + blocks² × orders + pairs log pairs).
  public init(
    _ history: History, window: VerdictWindow?, verdicts: [BlockVerdict],
    settings: VerdictSettings, choice: CandidateSet.Choice = .withinTolerance
  ) {
    let use = history.ablations.map {
      ExaminationUse($0.examination, steps: history.steps, window: window)
    }
    examination = use
    let singles = history.ablations?.singles ?? [:]
    effective = Self.inOrderOfTrust(
      DepthScore.allCases.map { EffectiveDepth($0, of: history.blocks, singles: singles) },
      counts: use == .counts)
    pathLength = PathLength(history.blocks)
    tortuosity = Tortuosity.all(of: history)
    spans = StageSpans.all(of: history)
    similarity = BlockSimilarity(history)
    reuse = ReuseSummary.all(of: history)
    curves = RemovalCurves(history)
    candidates = CandidateSet(
      history, curves: curves, use: use, verdicts: verdicts, settings: settings, choice: choice)
  }

  /// Those with a score, the ablation last where it does not speak first.
  private static func inOrderOfTrust(_ all: [EffectiveDepth], counts: Bool) -> [EffectiveDepth] {
    let measured = all.filter { $0.extent != .notMeasured }
    guard let ablation = measured.first(where: { $0.score == .ablation }) else { return measured }
    let others = measured.filter { $0.score != .ablation }
    let taylor = others.first { $0.score == .taylorImportance }
    let isFirst = counts && ablation.counted >= taylor?.counted ?? 0
    return isFirst ? [ablation] + others : others + [ablation]
  }
}
