public import ProbeCore

/// Whether what an examination measured may enter verdicts (Verdicts.md).
public enum ExaminationUse: Sendable, Hashable {
  /// It may.
  case counts
  /// It came before the window: the network has changed since.
  case old
  /// Its probe set is too small for bounds to mean what they say.
  case fewSamples
  /// In eval mode the network did worse on the probe set than it did at step 0, with this loss then: what
  /// removing a block changes there says nothing of the network that was trained.
  case worseThanUntrained(loss: Double)

  /// The fewest samples of a probe set that enter a verdict.
  ///
  /// The changes are skewed, a few samples carry most of them, and a percentile bootstrap is too
  /// optimistic then: for three blocks of a ResNet-20 whose cost was set to the tolerance the upper bound
  /// lay below it in 27, 17 and 19 % of probe sets of 32 samples, in 16, 9 and 17 % of 100 and in 11, 7
  /// and 7 % of 500.
  public static let minimumSamples = 100

  /// Looks at an examination beside the run's measured steps and the window.
  public init(_ examination: Examination, steps: [StepSummary], window: VerdictWindow?) {
    guard let window, window.covers(examination) else {
      self = .old
      return
    }
    if let loss = Self.untrainedLoss(steps, window), examination.baseLoss > loss {
      self = .worseThanUntrained(loss: loss)
      return
    }
    self = examination.samples < Self.minimumSamples ? .fewSamples : .counts
  }

  /// The loss of step 0, where training has since brought it down to less than half: a network that began
  /// fitted, to be tuned further, was no untrained one.
  private static func untrainedLoss(_ steps: [StepSummary], _ window: VerdictWindow) -> Double? {
    guard let first = steps.first, first.step == 0, let loss = first.loss, loss.isFinite, loss > 0
    else { return nil }
    let recent = steps.suffix(window.records).compactMap(\.loss).filter(\.isFinite)
    guard !recent.isEmpty else { return nil }
    return recent.reduce(0, +) / Double(recent.count) < loss / 2 ? loss : nil
  }
}

extension BlockVerdict {
  /// The rise of the share of wrong predictions, by its lower bound, that no small change of the loss
  /// makes up for.
  static let greatestErrorRise = 0.01

  /// Holds what removing the block did against what is said of it.
  ///
  /// `active` becomes `low_influence` where the loss rises by no more than the tolerance, by its upper
  /// bound; a verdict that predicts the block does nothing is confirmed by that, and contradicted where
  /// the loss rises by more, by its lower bound, or is no longer finite. An error that surely rises speaks
  /// against it either way.
  mutating func weigh(_ ablation: Ablation?, tolerance: Double) {
    guard let ablation else { return }
    lossChange = ablation.loss
    let errorRises = (ablation.error?.lower ?? 0) > Self.greatestErrorRise
    let isCheap = !errorRises && ablation.loss.map { $0.upper <= tolerance } == true
    let isCostly = errorRises || ablation.loss.map { $0.lower > tolerance } ?? true
    if verdict == .active, isCheap { verdict = .lowInfluence }
    guard verdict.predictsNothing else { return }
    confirmation = isCheap ? .confirmed : isCostly ? .contradicted : .open
  }
}
