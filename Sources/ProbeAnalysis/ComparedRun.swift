public import ProbeCore
import RealModule

/// What a comparison keeps of one run's history.
public struct ComparedRun: Sendable, Hashable {
  /// What all blocks of a network are: the networks among which depth is compared.
  public enum Family: String, Sendable, CaseIterable {
    /// No shortcuts.
    case plain
    /// Shortcuts, projections among them.
    case residual
    /// Dense blocks.
    case concat
    /// More than one of these.
    case mixed
  }

  /// What can be said of the training loss.
  public enum Loss: Sendable, Hashable {
    /// None was logged.
    case none
    /// Too few in the window to judge.
    case few(records: Int)
    /// It was last not finite, and has been since this step.
    case nonFinite(since: Int)
    /// Its level over the window.
    case level(LossLevel)
  }

  /// A block: its place, and what it does now and did at step 0.
  public struct Block: Sendable, Hashable {
    /// The module path; not trusted to be printable.
    public var name: String
    /// The stage, a projection in the one it leads into.
    public var stage: Int
    /// The geometric mean of the median gap over the window.
    public var gap: Double?
    /// The geometric mean of the median ratio over the window.
    public var ratio: Double?
    /// The median gap at step 0.
    public var gapAtStart: Double?
    /// The median ratio at step 0.
    public var ratioAtStart: Double?
  }

  /// The run.
  public let run: RunSummary
  /// What its blocks are; nil for a run without blocks.
  public let family: Family?
  /// The blocks in network order.
  public let blocks: [Block]
  /// The training loss over the window.
  public let loss: Loss
  /// The loss at step 0; nil where it was not logged there or is not finite.
  public let lossAtStart: Double?
  /// Whether the loss has hardly moved since its first fifth and is no small part of that at step 0.
  public let isFlat: Bool
  /// The blocks whose shortcut is a projection; plain networks have no such blocks, nor what they would be.
  public let projections: Int
  /// The gradient at step 0.
  public let gradientAtStart: GradientSpan?
  /// The gradient at the last record.
  public let gradient: GradientSpan?
  /// How it does on other data, the metrics that are recognised.
  public let tests: [TestMetric]
  /// Whether the run came to its end: it was completed, or all planned steps are done.
  public let isFinished: Bool
  /// How it was trained.
  let recipe: Recipe

  /// A loss that keeps more than this share of itself has hardly moved.
  public static let flatShare = 0.9

  /// Digests a history.
  ///
  /// Complexity: O(records in the window + steps).
  public init(_ history: History, window: VerdictWindow?, notes: RunNotes = RunNotes()) {
    run = history.run
    family = Self.family(history.blocks.map(\.block))
    let start = history.steps.first.flatMap { $0.step == 0 ? $0 : nil }
    lossAtStart = start?.loss.flatMap { $0.isFinite ? $0 : nil }
    loss = Self.loss(history, window)
    isFlat = Self.isFlat(history.steps, loss, atStart: lossAtStart)
    projections = history.blocks.count { $0.block.shortcut == .projection }
    let stages = StageMap(history.blocks.map(\.block)).stages
    blocks = zip(history.blocks, stages).map { Block($0, stage: $1, window) }
    gradientAtStart = GradientSpan(history.blocks) { $0.first?.step == 0 ? $0.first : nil }
    gradient = GradientSpan(history.blocks, \.latest)
    tests = TestMetric.all(in: notes.metrics)
    isFinished = Self.isFinished(history.run)
    recipe = Recipe(history, isFinished: isFinished, config: notes.config)
  }

  /// The number of blocks.
  public var depth: Int { blocks.count }
  /// The blocks that a plain network of as many layers has: without projections.
  public var plainDepth: Int { blocks.count - projections }

  /// Whether the loss has not left what it was at step 0.
  public var isStuck: Bool {
    guard let level, let start = lossAtStart, start > 0 else { return false }
    return level.value >= Self.flatShare * start
  }

  /// The median over the blocks of the gap now.
  public var gap: Double? { Median.of(blocks.map(\.gap)) }
  /// The median over the blocks of the ratio now.
  public var ratio: Double? { Median.of(blocks.map(\.ratio)) }
  /// The median over the blocks of the gap at step 0.
  public var gapAtStart: Double? { Median.of(blocks.map(\.gapAtStart)) }
  /// The median over the blocks of the ratio at step 0.
  public var ratioAtStart: Double? { Median.of(blocks.map(\.ratioAtStart)) }

  /// The level of the training loss; nil where there is none.
  public var level: LossLevel? {
    if case .level(let level) = loss { level } else { nil }
  }

  private static func isFinished(_ run: RunSummary) -> Bool {
    if run.status == .completed { return true }
    guard run.status == nil, let planned = run.plannedSteps, let last = run.lastStep else {
      return false
    }
    return last >= planned - 1
  }

  /// Whether its beginning was recorded.
  public var hasStart: Bool { run.firstStep == 0 }

  private static func family(_ blocks: [ProbeCore.Block]) -> Family? {
    let kinds = Set(blocks.map(\.kind))
    guard let kind = kinds.first else { return nil }
    guard kinds.count == 1 else { return .mixed }
    switch kind {
    case .plain: return .plain
    case .residual: return .residual
    case .concat: return .concat
    }
  }

  private static func loss(_ history: History, _ window: VerdictWindow?) -> Loss {
    let logged = history.steps.filter { $0.loss != nil }
    if let last = logged.last, last.loss?.isFinite == false {
      let finite = logged.lastIndex { $0.loss?.isFinite == true }
      return .nonFinite(since: finite.map { logged[$0 + 1].step } ?? logged[0].step)
    }
    // Without a loss the blocks may still tell: no sample of the last record is finite.
    if logged.isEmpty {
      let latest = history.blocks.compactMap(\.latest)
      let bad = latest.filter {
        $0.nonFinite > 0 && Double($0.nonFinite) >= Double($0.samples) - Double($0.dropped)
      }
      return bad.first.map { .nonFinite(since: $0.step) } ?? .none
    }
    let recent = logged.filter { summary in
      window.map { ($0.firstStep...$0.lastStep).contains(summary.step) } ?? true
    }
    let losses = recent.compactMap(\.loss)
    return LossLevel(losses).map { .level($0) } ?? .few(records: losses.count(where: \.isFinite))
  }

  /// Flat since the first fifth of the steps, and not merely because it was low by then: still half of
  /// what it was at step 0.
  private static func isFlat(_ steps: [StepSummary], _ loss: Loss, atStart: Double?) -> Bool {
    guard case .level(let level) = loss, let first = steps.first?.step, let last = steps.last?.step
    else { return false }
    let edge = Double(first) + 0.2 * Double(last - first)
    let early = Median.of(
      steps.filter { Double($0.step) <= edge }.map(\.loss).filter { $0?.isFinite == true })
    guard let early else { return false }
    return level.lower >= flatShare * early && level.lower >= (atStart ?? early) / 2
  }
}

extension ComparedRun.Block {
  init(_ history: BlockHistory, stage: Int, _ window: VerdictWindow?) {
    let records = window?.records(of: history) ?? []
    let shown = records.isEmpty ? [history.latest].compactMap(\.self) : records
    name = history.block.name
    self.stage = stage
    gap = Self.geometricMean(shown.map(\.medianGap))
    ratio = Self.geometricMean(shown.map(\.statistics.residualRatio.p50))
    let start = history.first.flatMap { $0.step == 0 ? $0 : nil }
    gapAtStart = start?.medianGap
    ratioAtStart = start?.statistics.residualRatio.p50.flatMap { $0.isFinite ? $0 : nil }
  }

  /// Zeros count as 2⁻²⁰, as in a verdict's series; 0 where all lie at or below that.
  private static func geometricMean(_ values: [Double?]) -> Double? {
    let known = values.compactMap(\.self).filter { $0.isFinite && $0 >= 0 }
    guard !known.isEmpty else { return nil }
    guard known.contains(where: { $0 > GapSeries.floor }) else { return 0 }
    let sum = known.reduce(0) { $0 + .log(max($1, GapSeries.floor)) }
    return .exp(sum / Double(known.count))
  }
}

/// The middle of values that may be missing.
enum Median {
  /// The median of those that are there, the mean of the two in the middle; nil for none.
  static func of(_ values: [Double?]) -> Double? {
    let known = values.compactMap(\.self).filter { !$0.isNaN }.sorted()
    guard !known.isEmpty else { return nil }
    let middle = known.count / 2
    return known.count.isMultiple(of: 2) ? (known[middle - 1] + known[middle]) / 2 : known[middle]
  }
}
