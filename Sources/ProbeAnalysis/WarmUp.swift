public import ProbeCore

/// The beginning of a run, in which the learning rate still rises.
public struct WarmUp: Sendable, Hashable {
  /// The first step after warm-up.
  public let end: Int
  /// Whether no learning rate was recorded, so that 5 % of the steps were assumed.
  public let isAssumed: Bool

  /// The share of the steps that is assumed where no learning rate was recorded.
  public static let assumedShare = 0.05

  /// Finds the end of warm-up in a run's measured steps; nil for no steps.
  ///
  /// It is the first step at which the learning rate reaches the greatest value it has had so far
  /// (within a millionth), thus the newest step while it still rises; without learning rates, the
  /// first measured step beyond 5 % of the steps so far.
  public init?(_ steps: [StepSummary]) {
    guard let first = steps.first?.step, let last = steps.last?.step else { return nil }
    let rates = LearningRate.recorded(in: steps)
    if let greatest = rates.map(\.rate).max() {
      end = rates.first { $0.rate >= greatest * (1 - 1e-6) }!.step
      isAssumed = false
    } else {
      let length = Self.assumedShare * Double(last - first)
      end = steps.first { Double($0.step - first) >= length }!.step
      isAssumed = true
    }
  }
}
