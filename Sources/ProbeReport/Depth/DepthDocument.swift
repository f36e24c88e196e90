internal import ProbeAnalysis
internal import ProbeCore

/// How much of a network's depth is in use, in JSON (Depth.md).
public struct DepthDocument: Encodable, Sendable {
  /// `words`: what is said of it, for people.
  public let words: [String]
  /// `effective`: how many blocks do the work, by each score; the one to speak first, first.
  public let effective: [EffectiveDepthDocument]
  /// `path_length`: how many branches the gradient runs through; null where it is not known.
  public let pathLength: OrNull<PathLengthDocument>
  /// `tortuosity`: how crooked the stream's way through each stage is.
  public let tortuosity: [TortuosityDocument]
  /// `spans`: consecutive blocks of a stage as one step.
  public let spans: [SpanDocument]
  /// `similarity`: CKA between blocks, each pair once, a block with itself too.
  public let similarity: [SimilarityDocument]
  /// `reuse`: what dense blocks read, a stage each.
  public let reuse: [ReuseDocument]
  /// `curves`: what dropping more and more blocks costs, an order each.
  public let curves: [CurveDocument]
  /// `candidates`: the blocks that could be left out together.
  public let candidates: CandidatesDocument

  /// The document; nil where nothing is known.
  init?(_ depth: Depth, words: [String]) {
    guard depth.isKnown else { return nil }
    self.words = words
    effective = depth.effective.map(EffectiveDepthDocument.init)
    pathLength = OrNull(depth.pathLength.map(PathLengthDocument.init))
    tortuosity = depth.tortuosity.map(TortuosityDocument.init)
    spans = depth.spans.flatMap { stage in
      stage.spans.map { SpanDocument($0, stage: stage.stage) }
    }
    similarity = depth.similarity.map(SimilarityDocument.all) ?? []
    reuse = depth.reuse.map(ReuseDocument.init)
    curves = depth.curves?.all.map(CurveDocument.init) ?? []
    candidates = CandidatesDocument(depth.candidates)
  }
}

/// A block's part in a sum over blocks, in JSON.
public struct ShareDocument: Encodable, Sendable {
  /// `ordinal`: the block.
  public let ordinal: Int
  /// `share`: its part, 0 … 1.
  public let share: OrNull<Double>

  static func all(_ shares: [Int: Double]) -> [ShareDocument] {
    shares.sorted { $0.key < $1.key }.map {
      ShareDocument(ordinal: $0.key, share: OrNull(finite: $0.value))
    }
  }
}

/// How many blocks do the work by one score, in JSON.
public struct EffectiveDepthDocument: Encodable, Sendable {
  /// `score`: what is counted.
  public let score: String
  /// `counted`: the blocks that have it.
  public let counted: Int
  /// `blocks`: the blocks of the run.
  public let blocks: Int
  /// `participation`: (Σs)²/Σs²; null where all scores are 0.
  public let participation: OrNull<Double>
  /// `entropy`: exp(−Σ p ln p) with p = s/Σs; null where all scores are 0.
  public let entropy: OrNull<Double>
  /// `shares`: each block's score over the sum; empty where all are 0.
  public let shares: [ShareDocument]

  init(_ effective: EffectiveDepth) {
    score = effective.score.rawValue
    counted = effective.counted
    blocks = effective.blocks
    participation = OrNull(finite: effective.participation)
    entropy = OrNull(finite: effective.entropy)
    shares = ShareDocument.all(effective.shares)
  }
}

/// How many branches the gradient runs through, in JSON.
public struct PathLengthDocument: Encodable, Sendable {
  /// `mean`: the mean over paths.
  public let mean: OrNull<Double>
  /// `spread`: the standard deviation over paths.
  public let spread: OrNull<Double>
  /// `counted`: the residual blocks with a `branch_gain`.
  public let counted: Int
  /// `blocks`: the residual blocks of the run.
  public let blocks: Int
  /// `shares`: for each block the share of paths through its branch, by weight.
  public let shares: [ShareDocument]

  init(_ path: PathLength) {
    mean = OrNull(finite: path.mean)
    spread = OrNull(finite: path.spread)
    counted = path.counted
    blocks = path.blocks
    shares = ShareDocument.all(path.shares)
  }
}

/// How crooked the stream's way through a stage is, in JSON.
public struct TortuosityDocument: Encodable, Sendable {
  /// `stage`: the stage's number.
  public let stage: Int
  /// `first`: the first block of the stretch.
  public let first: Int
  /// `last`: its last block.
  public let last: Int
  /// `way`: the sum of the blocks' angular distances.
  public let way: OrNull<Double>
  /// `chord`: the angular distance of the whole.
  public let chord: OrNull<Double>
  /// `value`: the first over the second; null where the chord is 0.
  public let value: OrNull<Double>

  init(_ tortuosity: Tortuosity) {
    stage = tortuosity.stage
    first = tortuosity.blocks.lowerBound
    last = tortuosity.blocks.upperBound
    way = OrNull(finite: tortuosity.way)
    chord = OrNull(finite: tortuosity.chord)
    value = OrNull(finite: tortuosity.value)
  }
}

/// Consecutive blocks of a stage as one step, in JSON.
public struct SpanDocument: Encodable, Sendable {
  /// `stage`: the stage's number.
  public let stage: Int
  /// `first`: the first block.
  public let first: Int
  /// `last`: the last block.
  public let last: Int
  /// `angular_distance`: between the stream before and after, over π.
  public let angularDistance: OrNull<Double>
  /// `span_gap`: ‖y − x‖/‖x‖ over all of them, its geometric mean.
  public let spanGap: OrNull<Double>
  /// `loss_change`: what removing just these did; null where that was not measured.
  public let lossChange: OrNull<ChangeDocument>

  init(_ span: Span, stage: Int) {
    self.stage = stage
    first = span.first
    last = span.last
    angularDistance = OrNull(finite: span.angularDistance)
    spanGap = OrNull(finite: span.gap)
    lossChange = OrNull(span.ablation?.loss.map(ChangeDocument.init))
  }
}
