internal import Glibc

/// A learning rate that rises in a line and falls along half a cosine (Loshchilov and Hutter 2017).
public struct LearningRateSchedule: Sendable, Hashable {
  /// The highest rate, at step `warmUpSteps`.
  public let peak: Double
  /// The steps before the peak.
  public let warmUpSteps: Int
  /// All steps; the rate would be 0 at this one, which is no more taken.
  public let steps: Int

  /// A schedule; the warm-up must be shorter than the whole.
  public init(peak: Double, warmUpSteps: Int, steps: Int) {
    precondition(
      warmUpSteps >= 0 && warmUpSteps < steps, "the warm-up is shorter than the training")
    self.peak = peak
    self.warmUpSteps = warmUpSteps
    self.steps = steps
  }

  /// The rate of a step: peak·(step + 1)/(w + 1) before w = `warmUpSteps`, from there on
  /// peak·(1 + cos(π(step − w)/(steps − w)))/2.
  public func rate(at step: Int) -> Double {
    guard step >= warmUpSteps else { return peak * Double(step + 1) / Double(warmUpSteps + 1) }
    let share = Double(step - warmUpSteps) / Double(steps - warmUpSteps)
    return peak * (1 + cos(.pi * share)) / 2
  }
}
