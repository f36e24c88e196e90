internal import ProbeAnalysis
internal import ProbeCore

/// How much of the depth is in use and what could be left out, in sentences (Depth.md).
///
/// Each sentence begins anew, so that they may be shown one a line.
struct DepthWords {
  private let depth: Depth
  private let ablations: Ablations?
  private let blocks: [Block]

  init(_ depth: Depth, ablations: Ablations?, blocks: [Block]) {
    self.depth = depth
    self.ablations = ablations
    self.blocks = blocks
  }

  init(_ report: Report) {
    self.init(report.depth, ablations: report.ablations, blocks: report.blocks.map(\.block))
  }

  /// The sentences, the most important first; none where nothing is known.
  var sentences: [String] {
    guard depth.isKnown else { return [] }
    var sentences = [effective, path].compactMap { $0 }
    if !depth.candidates.ordinals.isEmpty || ablations != nil {
      sentences +=
        CandidateWords(
          depth.candidates, examination: ablations?.examination, blocks: blocks.count
        ).headline
    }
    sentences += [orders, span, neighbours].compactMap { $0 } + reuse + missing
    guard let first = sentences.first else { return [] }
    return ["Depth: \(first.prefix(1).lowercased())\(first.dropFirst())"] + sentences.dropFirst()
  }

  /// "About 14 of 27 blocks do the work", with the numbers behind it.
  private var effective: String? {
    guard let first = depth.effective.first, first.counted > 1 else { return nil }
    guard let participation = first.participation else {
      return first.score == .ablation ? "Removed alone, no block raises the loss." : nil
    }
    let measured = depth.examination == .counts
    let numbers = depth.effective.compactMap { effective -> String? in
      guard let value = effective.participation,
        [.taylorImportance, first.score].contains(effective.score)
      else { return nil }
      return "\(Number.format(value)) by \(Self.name(effective.score))"
    }
    let predicted = measured && first.score == .ablation ? "" : "as far as training tells "
    let working = Int(participation.rounded())
    return "About \(working) of \(Words.count(first.counted, "block")) "
      + "\(Words.verb(working, "does", "do")) the work \(predicted)(participation depth \(numbers.joined(separator: "; ")))."
  }

  /// What a score is called in a sentence.
  static func name(_ score: DepthScore) -> String {
    switch score {
    case .ablation: "ablation"
    case .taylorImportance: "Taylor importance"
    case .blockInfluence: "block influence"
    case .identityGapSquared: "squared gap"
    }
  }

  private var path: String? {
    guard let path = depth.pathLength, path.counted > 1 else { return nil }
    return "Most gradient flows through paths about \(Number.format(path.mean, significant: 2)) ± "
      + "\(Number.format(path.spread, significant: 2)) blocks long, of \(path.counted)."
  }

  /// "At 13 dropped: greedy +0.2, deepest first +1.9, random +3.1 of loss", halfway along the orders.
  private var orders: String? {
    guard let curves = depth.curves, let greedy = curves.greedy else { return nil }
    let half = greedy.order.ordinals.count / 2
    let rows = curves.rows.filter {
      $0.greedy != nil && ($0.deepestFirst != nil || $0.randomMean != nil)
    }
    // All three orders are measured at few numbers of blocks.
    let whole = rows.filter { $0.deepestFirst != nil && $0.randomMean != nil }
    guard
      let row = (whole.isEmpty ? rows : whole)
        .min(by: { abs($0.dropped - half) < abs($1.dropped - half) })
    else { return nil }
    let parts = [
      ("greedy", row.greedy?.lossChange), ("deepest first", row.deepestFirst?.lossChange),
      ("random", row.randomMean),
    ].compactMap { name, change in change.map { "\(name) \(Self.change($0))" } }
    return "At \(row.dropped) dropped: \(parts.joined(separator: ", ")) of loss."
  }

  /// A change of the loss without bounds.
  static func change(_ value: Double) -> String {
    value.isFinite ? LossChange.signed(value) : "not finite"
  }

  /// A part of the longest stage, at most half of it and in the table of spans, that turns the stream least.
  private var span: String? {
    func size(_ stage: StageSpans) -> Int { stage.distances.ordinals.count }
    guard let stage = depth.spans.max(by: { size($0) < size($1) }),
      let span = stage.least.last(where: {
        $0.length * 2 <= size(stage) && $0.length & ($0.length - 1) == 0
      }),
      let distance = span.angularDistance, span.length > 1
    else { return nil }
    let isLast = span.last == stage.distances.ordinals.last
    return "Of \(Words.count(span.length, "block")) in a row \(BlockRanges.words(span.blocks)) "
      + "turn the stream least (angular distance \(Number.format(distance, significant: 2)))"
      + (isLast ? ", the last of their stage." : ".")
  }

  /// How alike neighbours of a plain network are, and which branches of any network add the same.
  private var neighbours: String? {
    guard let similarity = depth.similarity else { return nil }
    if let pair = similarity.duplicates.max(by: { ($0.branchCKA ?? 0) < ($1.branchCKA ?? 0) }) {
      let others = similarity.duplicates.count - 1
      let which = BlockRanges.words([pair.first, pair.last])
      return "What \(which) add differs from sample to sample in nearly the same way "
        + "(CKA of their branches \(SkillWords.number(pair.branchCKA ?? 0)))"
        + (others > 0 ? ", and so with \(Words.count(others, "more pair")) of neighbours" : "")
        + "; that does not say that one of them could go."
    }
    guard blocks.allSatisfy({ $0.kind == .plain }) else { return nil }
    let known = similarity.neighbours.compactMap { pair in pair.cka.map { (pair, $0) } }
    guard let most = known.max(by: { $0.1 < $1.1 }), let least = known.min(by: { $0.1 < $1.1 })
    else { return nil }
    guard SkillWords.number(least.1) != SkillWords.number(most.1) else {
      return "CKA of neighbours is \(SkillWords.number(least.1)) throughout."
    }
    return "CKA of neighbours is \(SkillWords.number(least.1)) "
      + "(\(BlockRanges.words([least.0.first, least.0.last]))) to \(SkillWords.number(most.1)) "
      + "(\(BlockRanges.words([most.0.first, most.0.last])))."
  }

  /// What dense blocks read, a sentence a stage.
  private var reuse: [String] {
    depth.reuse.compactMap { stage in
      guard let input = stage.input, let early = stage.early, let recent = stage.recent else {
        return nil
      }
      func part(_ name: String, _ band: ReuseSummary.Band) -> String {
        "\(name) \(Number.percent(band.weightShare)) (\(Number.percent(band.mapShare)) of the maps)"
      }
      let parts = [
        part("the stage's input has", input), part("earlier blocks", early),
        part("later ones", recent),
      ]
      var sentence =
        "Stage \(stage.stage): of what dense blocks weigh, \(parts.joined(separator: ", "))"
      let hardly = stage.hardlyRead.compactMap(\.source)
      if !hardly.isEmpty { sentence += "; hardly read: \(BlockRanges.words(hardly))" }
      return sentence + "."
    }
  }

  /// What keeps numbers from being there.
  private var missing: [String] {
    guard let ablations else {
      // The candidates have said so already.
      guard depth.candidates.ordinals.isEmpty else { return [] }
      return ["What several blocks cost together is not known: never examined (probe.examine)."]
    }
    var sentences: [String] = []
    if depth.curves == nil, depth.candidates.doubt != .noGreedyOrder {
      sentences.append("No order of dropping blocks was measured (probe.examine with curve=True).")
    }
    if ablations.similarities.isEmpty, ablations.reuse.isEmpty {
      sentences.append(
        "How alike blocks are was not measured (probe.examine with similarity=True).")
    } else if depth.similarity == nil, blocks.count > 1, !ablations.similarities.isEmpty {
      sentences.append("No CKA: it needs batches of 4 rows or more.")
    }
    if depth.examination == .old {
      sentences.append(
        "Measured at step \(ablations.examination.step): of another network than the verdicts.")
    }
    return sentences
  }
}

extension Depth {
  /// Whether anything is known.
  var isKnown: Bool {
    !effective.isEmpty || pathLength != nil || examination != nil || candidates.basis != .none
  }
}
