import ProbeCore

/// Deeper fits the training data better and other data worse.
public struct Overfitting: Sendable, Hashable {
  /// The shallower runs.
  public let shallower: DepthCohort.Point
  /// The deeper runs.
  public let deeper: DepthCohort.Point
  /// The metric's name.
  public let key: String
  /// What it measures.
  public let measure: TestMetric.Measure
  /// Its mean over the shallower runs, as logged.
  public let shallowerValue: Double
  /// Its mean over the deeper runs, as logged.
  public let deeperValue: Double

  /// The least factor by which the other data's loss or error has to be worse.
  public static let leastFactor = 1.1
  /// The least difference of a share of wrong answers.
  public static let leastErrorDifference = 0.005

  /// The depth at which it is worst, for each depth of a cohort that overfits against a shallower one.
  ///
  /// Training is better where the intervals are apart by ``DepthCohort/leastFactor``; how little is
  /// left of the loss does not matter here. On other data every run of the deeper point has to be
  /// worse than every one of the shallower point, and their means materially so.
  static func found(in cohort: DepthCohort, of runs: [ComparedRun]) -> [Overfitting] {
    cohort.points.indices.dropFirst().compactMap { place in
      let deeper = cohort.points[place]
      let candidates = cohort.points[..<place].filter { $0.trainsWorse(than: deeper) }
        .flatMap { shallower in comparisons(shallower, deeper, runs) }
      return candidates.max { $0.excess < $1.excess }?.overfitting
    }
  }

  private static func comparisons(
    _ shallower: DepthCohort.Point, _ deeper: DepthCohort.Point, _ runs: [ComparedRun]
  ) -> [(overfitting: Overfitting, excess: Double)] {
    let keys = runs[deeper.runs[0]].tests.map(\.metric.key)
    return keys.compactMap { key in
      func tests(_ point: DepthCohort.Point) -> [TestMetric]? {
        let found = point.runs.compactMap { place in
          runs[place].tests.first { $0.metric.key == key }
        }
        return found.count == point.runs.count ? found : nil
      }
      guard let few = tests(shallower), let many = tests(deeper), let measure = many.first?.measure,
        few.map(\.badness).max()! < many.map(\.badness).min()!
      else { return nil }
      let (a, b) = (mean(few.map(\.badness)), mean(many.map(\.badness)))
      let isMaterial =
        a >= 0 && b >= leastFactor * a && (measure == .loss || b - a >= leastErrorDifference)
      guard isMaterial else { return nil }
      let found = Overfitting(
        shallower: shallower, deeper: deeper, key: key, measure: measure,
        shallowerValue: mean(few.map(\.metric.value)), deeperValue: mean(many.map(\.metric.value)))
      return (found, a > 0 ? b / a : .infinity)
    }
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}

extension DepthCohort.Point {
  /// Whether the other's training loss is surely lower.
  fileprivate func trainsWorse(than other: DepthCohort.Point) -> Bool {
    level.isPositive && other.level.isPositive && level.lower > other.level.upper
      && level.value >= DepthCohort.leastFactor * other.level.value
  }
}
