public import ProbeCore

/// What a run's history says of each of its blocks (Verdicts.md).
///
/// A function of the last window of the history and of nothing else: asking twice, or later in
/// the same place, answers the same. ε and strict ε are taken to lie above 2⁻²⁰.
public enum Verdicts {
  /// The verdict on each block, in the order of the blocks.
  ///
  /// Holm's correction runs over all blocks that have an interval, so a block's confidence depends
  /// on the others; permuting the blocks permutes the verdicts. The null hypothesis behind
  /// `confidence` is "the gap is ε or more" for `strict_identity` too; strict ε is held against the
  /// block's own upper bound. A run without steps has windows without records.
  public static func judge(_ history: History, settings: VerdictSettings) -> [BlockVerdict] {
    let window = VerdictWindow(steps: history.steps, settings: settings)
    return judge(
      history.blocks.map { Evidence($0.block, window?.records(of: $0) ?? [], settings) },
      window: window, start: history.steps.first?.step,
      ablations: usable(history.ablations, steps: history.steps, window: window), settings: settings
    ) { place in
      (history.blocks[place].crossing, history.blocks[place].first?.step)
    }
  }

  /// The verdict on each block, from what verdicts rest on and nothing else: the same as on a history.
  ///
  /// `blocks` hold the window's records. `crossing` is asked for the blocks that are an identity, by
  /// ordinal: when their median gap was last at or above 2ε.
  public static func judge<Failure>(
    _ blocks: [GapEvidence], steps: [StepSummary], window: VerdictWindow?, ablations: Ablations?,
    settings: VerdictSettings, crossing: (Int) throws(Failure) -> LastCrossing
  ) throws(Failure) -> [BlockVerdict] {
    try judge(
      blocks.map { Evidence($0.block, $0.records, settings) }, window: window,
      start: steps.first?.step, ablations: usable(ablations, steps: steps, window: window),
      settings: settings
    ) { place throws(Failure) in
      (try crossing(blocks[place].block.ordinal), blocks[place].firstStep)
    }
  }

  /// The ablations, where they may enter verdicts.
  private static func usable(
    _ ablations: Ablations?, steps: [StepSummary], window: VerdictWindow?
  ) -> Ablations? {
    guard let ablations,
      ExaminationUse(ablations.examination, steps: steps, window: window) == .counts
    else { return nil }
    return ablations
  }

  private static func judge<Failure>(
    _ evidence: [Evidence], window: VerdictWindow?, start: Int?, ablations: Ablations?,
    settings: VerdictSettings,
    past: (Int) throws(Failure) -> (crossing: LastCrossing, firstStep: Int?)
  ) throws(Failure) -> [BlockVerdict] {
    let judged = evidence.indices.filter { evidence[$0].interval != nil }
    let adjusted = Holm.adjusted(
      judged.map { evidence[$0].interval!.pValue(gapAtLeast: settings.epsilon) })
    let byBlock = Dictionary(uniqueKeysWithValues: zip(judged, adjusted))
    let singles = ablations?.singles ?? [:]
    let tolerance = ablations.map { settings.tolerance(of: $0.examination) } ?? 0
    var verdicts: [BlockVerdict] = []
    for place in evidence.indices {
      var verdict = evidence[place].verdict(adjusted: byBlock[place], settings)
      verdict.weigh(singles[verdict.ordinal], tolerance: tolerance)
      verdict.atStep = window?.lastStep
      verdict.windowStart = window?.firstStep
      if verdict.verdict.isIdentity {
        let past = try past(place)
        verdict.trace(past.crossing, firstStep: past.firstStep, attachedAt: start)
      }
      verdicts.append(verdict)
    }
    return verdicts
  }
}

/// What the window holds of one block.
private struct Evidence {
  let block: Block
  let series: GapSeries
  let spread: Spread
  let missing: Missing?
  /// The interval; nil where the question cannot be asked or a guard forbids the answer.
  let interval: GapInterval?
  let lower: Double?
  let upper: Double?
  /// The share of F that is the same for every sample; nil where too few records have it.
  let constant: WindowMean?
  /// What of the change is not the same for every sample, over ‖x‖: gap · √(1 − constant fraction).
  let varying: WindowMean?
  /// The part of the change that turns the stream; nil where too few records have it.
  let turned: WindowMean?
  /// The angle between x and y.
  ///
  /// Unit: radians.
  let angle: WindowMean?

  init(_ block: Block, _ records: [some GapRecorded], _ settings: VerdictSettings) {
    self.block = block
    series = GapSeries(records)
    spread = Spread(records)
    missing = VerdictGuard.missing(in: records, of: block, settings: settings)
    interval =
      block.canBeIdentity && missing == nil
      ? GapInterval(series) : nil
    lower = interval?.lowerBound(confidence: settings.confidence)
    upper = interval?.upperBound(confidence: settings.confidence)
    let isActive = interval != nil && (lower ?? 0) >= settings.epsilon
    func mean(
      _ statistic: (any GapRecorded) -> Double?, beyond: (Double) -> Bool
    ) -> WindowMean? {
      guard isActive else { return nil }
      let values = records.compactMap { $0.medianGap == nil ? nil : statistic($0) }
      return WindowMean(values.filter(\.isFinite), beyond: beyond, settings)
    }
    let epsilon = settings.epsilon
    // Of a plain block F is y − x, which is the same for all where x and y are: it says nothing.
    constant =
      block.kind == .residual
      ? mean({ $0.constant?.value }, beyond: { $0 > settings.constantFraction }) : nil
    varying =
      constant?.lower == nil
      ? nil
      : mean(
        { record in
          record.constant.flatMap { constant in
            record.medianGap.map { $0 * max(0, 1 - constant.value).squareRoot() }
          }
        }, beyond: { $0 < epsilon })
    turned = mean({ $0.turned?.value }, beyond: { $0 < epsilon })
    angle =
      turned?.upper == nil
      ? nil : mean({ ($0.angle?.value).map { $0 * .pi } }, beyond: { $0 < epsilon })
  }

  /// The first verdict in the order of Verdicts.md that the window bears; ablations come after.
  func verdict(adjusted: Double?, _ settings: VerdictSettings) -> BlockVerdict {
    guard block.canBeIdentity else { return says(.notApplicable, settings) }
    if let missing { return says(.undetermined, settings, missing: missing) }
    guard let lower, let upper, let adjusted else {
      let records = Missing.records(
        have: series.values.count, need: max(2, settings.minimumRecords))
      return says(.undetermined, settings, missing: records)
    }
    if upper < settings.epsilon {
      return identity(upper, adjusted: adjusted, settings)
    }
    if lower < settings.epsilon {
      let open = Missing.decidedInterval(
        lower: lower, upper: upper, epsilon: settings.epsilon)
      return says(.undetermined, settings, missing: open)
    }
    if let lower = constant?.lower, lower > settings.constantFraction,
      let rest = varying?.upper, rest < settings.epsilon
    {
      return says(.constant, settings)
    }
    if let upper = turned?.upper, upper < settings.epsilon, let turn = angle?.upper,
      turn < settings.epsilon
    {
      return says(.rescaleOnly, settings)
    }
    return says(.active, settings)
  }

  /// The verdict on a block whose own upper bound lies below ε.
  private func identity(
    _ upper: Double, adjusted: Double, _ settings: VerdictSettings
  ) -> BlockVerdict {
    if adjusted > 1 - settings.confidence {
      return says(.undetermined, settings, missing: .confidenceAmongBlocks(adjusted: adjusted))
    }
    if spread.samples < settings.minimumSamples {
      let samples = Missing.samples(have: spread.samples, need: settings.minimumSamples)
      return says(.undetermined, settings, missing: samples)
    }
    let isStrict =
      upper < settings.strictEpsilon
      && spread.isIdentity(epsilon: settings.strictEpsilon, settings: settings)
    guard isStrict || spread.isIdentity(epsilon: settings.epsilon, settings: settings) else {
      return says(.partialIdentity, settings)
    }
    var verdict = says(isStrict ? .strictIdentity : .nearIdentity, settings)
    verdict.confidence = 1 - adjusted
    return verdict
  }

  private func says(
    _ verdict: Verdict, _ settings: VerdictSettings, missing: Missing? = nil
  ) -> BlockVerdict {
    var result = BlockVerdict(ordinal: block.ordinal, verdict: verdict)
    result.records = series.values.count
    result.gap = interval?.centre
    result.lower = lower
    result.upper = upper
    result.share = block.canBeIdentity ? spread.share(below: 2 * settings.epsilon) : nil
    result.missing = missing
    result.constantFraction = constant.map { .init(value: $0.value, bound: $0.lower) }
    result.perpendicularRatio = turned.map { .init(value: $0.value, bound: $0.upper) }
    return result
  }
}

extension BlockVerdict {
  /// Fills in where an identity comes from and since which step it has been one.
  ///
  /// A recorder that was attached after step 0 did not see the birth: below 2ε on all records
  /// since then leaves the origin open.
  fileprivate mutating func trace(
    _ crossing: LastCrossing, firstStep: Int?, attachedAt start: Int?
  ) {
    switch crossing {
    case .never:
      origin = start == 0 ? .atBirth : nil
      sinceStep = firstStep
    case .last(_, let next):
      origin = .collapsed
      sinceStep = next
    }
  }
}
