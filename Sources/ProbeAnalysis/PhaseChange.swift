public import ProbeCore
import RealModule

/// Where the learning rate changes so much that what was measured before says little of what comes after.
///
/// Restarts and drops; every smooth schedule has none (the window of Verdicts.md).
public enum PhaseChange {
  /// The steps at which a new phase begins, in order; steps without a learning rate are passed over.
  ///
  /// A restart: lr_i ≥ 2·lr_{i−1}. A drop: lr_i ≤ lr_{i−1}/2 after three records that agree within
  /// 5 %. A drop that continues a staircase is none: schedules that are set once an epoch fall
  /// faster and faster towards their end (a cosine's last epochs by 2× and 4×), so a level entered
  /// by an ordinary fall, at least a quarter of the new one in logarithms, is left by another.
  public static func steps(in steps: [StepSummary]) -> [Int] {
    let rates = LearningRate.recorded(in: steps)
    var found: [Int] = []
    for index in rates.indices.dropFirst() {
      let (before, now) = (rates[index - 1].rate, rates[index].rate)
      let isRestart = now > before && now >= before * (2 - tolerance)
      if isRestart || (isDrop(at: index, rates) && !continuesStaircase(at: index, rates, found)) {
        found.append(rates[index].step)
      }
    }
    return found
  }

  private static let tolerance = 1e-9

  private static func isDrop(at index: Int, _ rates: [LearningRate]) -> Bool {
    guard index >= 3, rates[index].rate <= rates[index - 1].rate * (0.5 + tolerance) else {
      return false
    }
    let level = rates[(index - 3)..<index].map(\.rate)
    return level.max()! <= 1.05 * level.min()! && level.min()! > 0
  }

  private static func continuesStaircase(
    at index: Int, _ rates: [LearningRate], _ found: [Int]
  ) -> Bool {
    let level = rates[index - 1].rate
    var start = index - 1
    while start > 0, (rates[start - 1].rate - level).magnitude <= 1e-6 * level { start -= 1 }
    guard start > 0, index - start >= 2, found.last != rates[start].step else { return false }
    let before = rates[start - 1].rate
    guard before > level, rates[index].rate > 0 else { return false }
    return Double.log(level / rates[index].rate) <= 4 * .log(before / level)
  }
}

/// A step's learning rate, where one was recorded.
struct LearningRate {
  var step: Int
  var rate: Double

  /// The finite learning rates of a run, in order.
  static func recorded(in steps: [StepSummary]) -> [LearningRate] {
    steps.compactMap { summary in
      summary.learningRate.flatMap {
        $0.isFinite && $0 >= 0 ? LearningRate(step: summary.step, rate: $0) : nil
      }
    }
  }
}
