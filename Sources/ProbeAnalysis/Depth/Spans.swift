public import ProbeCore

/// Consecutive blocks of a stage taken as one step: what the stream would miss without them (Depth.md).
public struct Span: Sendable, Hashable {
  /// The ordinal of the first block.
  public let first: Int
  /// The ordinal of the last block.
  public let last: Int
  /// The number of blocks.
  public var length: Int { last - first + 1 }
  /// The mean angle over samples between the stream before and after, over π; nil where it is undefined.
  public let angularDistance: Double?
  /// The geometric mean of ‖y − x‖/‖x‖; nil where it is undefined.
  public let gap: Double?
  /// What removing just these blocks together did; nil where that was not measured.
  public let ablation: Ablation?

  /// The ordinals of the blocks.
  public var blocks: ClosedRange<Int> { first...last }
}

/// All spans of one stage, from short ones to long ones.
public struct StageSpans: Sendable, Hashable {
  /// The stage's number.
  public let stage: Int
  /// The spans, by length and then by their first block.
  public let spans: [Span]
  /// The span of each length whose angular distance is least, the earliest of equal ones, by length.
  public let least: [Span]
  /// The angular distances, the span's first block by row and its last by column.
  public let distances: BlockMatrix

  /// The spans of each stage of a run that has some, in network order.
  ///
  /// Pairs of unknown blocks, and of blocks of two stages, are left out. Complexity: O(pairs log pairs).
  ///
  /// Source: Gromov et al. 2024, section 3.2 and figure 1 (angular distance, the least per length).
  public static func all(of history: History) -> [StageSpans] {
    guard let ablations = history.ablations else { return [] }
    let stages = Dictionary(
      history.blocks.map { ($0.block.ordinal, $0.block.stage) }, uniquingKeysWith: { $1 })
    let removed = RemovedSets(ablations.all)
    var spans: [Int: [Span]] = [:]
    for pair in ablations.similarities where pair.isSpan && pair.first <= pair.last {
      guard let stage = stages[pair.first], stages[pair.last] == stage else { continue }
      let distance = pair.angularDistance
      spans[stage, default: []].append(
        Span(
          first: pair.first, last: pair.last,
          angularDistance: distance.n > 0 ? distance.mean : nil, gap: pair.spanGap,
          ablation: removed[Array(pair.blocks)]))
    }
    return spans.sorted { $0.key < $1.key }.map { StageSpans(stage: $0.key, $0.value) }
  }

  private init(stage: Int, _ spans: [Span]) {
    let spans = spans.sorted { ($0.length, $0.first) < ($1.length, $1.first) }
    self.stage = stage
    self.spans = spans
    var least: [Int: Span] = [:]
    for span in spans {
      guard let distance = span.angularDistance else { continue }
      if let best = least[span.length]?.angularDistance, best <= distance { continue }
      least[span.length] = span
    }
    self.least = least.values.sorted { $0.length < $1.length }
    distances = BlockMatrix(
      spans.compactMap { span in span.angularDistance.map { (span.first, span.last, $0) } })
  }
}
