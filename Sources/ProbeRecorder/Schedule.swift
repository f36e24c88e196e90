/// Which steps are measured: a pure function of the step and of the steps planned.
public struct Schedule: Sendable, Hashable {
  private enum Rule: Sendable, Hashable {
    case standard
    case every(Int)
  }

  private let rule: Rule

  /// Steps 0, 1, 2 and 5, every 10th up to step 500, then every 50th.
  ///
  /// Where the number of steps is planned: after step 500 every k-th with k = steps/500, at least 1
  /// and at most 50, and the last step.
  public static let `default` = Schedule(rule: .standard)

  /// Every n-th step from step 0 on, and the last one where the number of steps is planned.
  ///
  /// An `n` below 1 is taken as 1.
  public static func every(_ n: Int) -> Schedule { Schedule(rule: .every(max(1, n))) }

  /// Whether a step is measured; steps below 0 are not.
  ///
  /// Complexity: constant.
  public func measures(step: Int, plannedSteps: Int? = nil) -> Bool {
    guard step >= 0 else { return false }
    if let plannedSteps, step == plannedSteps - 1 { return true }
    switch rule {
    case .every(let n):
      return step % n == 0
    case .standard:
      if step == 1 || step == 2 || step == 5 { return true }
      if step <= 500 { return step % 10 == 0 }
      let spacing = plannedSteps.map { min(50, max(1, $0 / 500)) } ?? 50
      return step % spacing == 0
    }
  }
}
