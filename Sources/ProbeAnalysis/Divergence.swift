public import ProbeCore

/// Training that has run away (Health.md).
public enum Divergence: Sendable, Hashable {
  /// The loss, or every sample of a block, is NaN or infinite since `step` and to the end.
  case notFinite(since: Int)
  /// The loss is over ten times what it was at the start; above that for good since `step`.
  case risen(since: Int, from: Double, to: Double)

  /// Whether it ended in what is no number.
  public var isNotFinite: Bool {
    if case .notFinite = self { true } else { false }
  }

  /// A loss this many times its start has diverged.
  ///
  /// Losses that legitimately rise (the generator's in adversarial training, a weight that grows in)
  /// do so by less; a cross-entropy that is ten times that of guessing never is sound.
  public static let limit = 10.0
  /// The losses whose median is taken at each end.
  private static let losses = 5

  /// Looks at the losses of a run, at the latest records where none was logged; nil where nothing is
  /// wrong or too little is known.
  ///
  /// *Not finite*: the last three losses, or all of fewer. *Risen*: of at least ten finite losses the
  /// median of the last five against that of the first five, which must be above 0, in a run recorded
  /// from step 0 on. Complexity: O(steps).
  public init?(_ history: History) {
    let losses = history.steps.compactMap { step in step.loss.map { (step: step.step, loss: $0) } }
    let bad = losses.reversed().prefix { !$0.loss.isFinite }
    if let first = bad.last, bad.count >= min(3, losses.count) {
      self = .notFinite(since: first.step)
      return
    }
    if losses.isEmpty, let step = Self.lostStep(history) {
      self = .notFinite(since: step)
      return
    }
    let finite = losses.filter(\.loss.isFinite)
    guard finite.count >= 2 * Self.losses, history.steps.first?.step == 0 else { return nil }
    let start = Self.median(finite.prefix(Self.losses).map(\.loss))
    let now = Self.median(finite.suffix(Self.losses).map(\.loss))
    guard start > 0, now > Self.limit * start else { return nil }
    let above = finite.reversed().prefix { $0.loss > Self.limit * start }
    self = .risen(since: (above.last ?? finite[finite.count - 1]).step, from: start, to: now)
  }

  private static func median(_ values: [Double]) -> Double {
    values.sorted()[values.count / 2]
  }

  /// The earliest known step with values that are not finite, where a block has nothing else left.
  private static func lostStep(_ history: History) -> Int? {
    let latest = history.blocks.compactMap(\.latest)
    guard
      let lost = latest.first(where: {
        $0.statistics.samples > 0 && $0.statistics.nonFinite >= $0.statistics.samples
      })
    else { return nil }
    let noted = history.findings.filter { $0.kind == .nonFiniteSamples }.compactMap(\.firstStep)
    return min(noted.min() ?? lost.step, lost.step)
  }
}
