import RealModule

/// What the training loss of a run has come to: its level over a window, with an interval.
///
/// The losses of single batches scatter by factors once a network has nearly fitted its data, so their
/// logarithms are looked at and the level is their geometric mean. The series counts as AR(1), as a gap
/// does (``AutoregressiveInterval``), and from 150 records on the means of its spans are a second look,
/// the wider one counts. Losses that are not all above zero have no logarithm: their level is the
/// arithmetic mean, and nothing is said of ratios.
///
/// The interval speaks of this run alone: another seed has another level.
public struct LossLevel: Sendable, Hashable {
  /// The level.
  public let value: Double
  /// What it exceeds, with 95 % confidence on this side.
  public let lower: Double
  /// What it stays below, with 95 % confidence on this side.
  public let upper: Double
  /// The losses it rests on.
  public let records: Int
  /// Whether all losses are above zero, so that levels can be held against each other as ratios.
  public let isPositive: Bool

  /// The fewest losses that make a level.
  public static let leastRecords = 5
  /// The confidence of each bound.
  public static let confidence = 0.95

  /// Looks at the finite losses of a window in order; nil for fewer than ``leastRecords``.
  ///
  /// Complexity: O(n).
  public init?(_ losses: [Double]) {
    let losses = losses.filter(\.isFinite)
    let isPositive = losses.allSatisfy { $0 > 0 }
    let values = isPositive ? losses.map { Double.log($0) } : losses
    guard losses.count >= Self.leastRecords, let whole = AutoregressiveInterval(values) else {
      return nil
    }
    let looks =
      [whole] + [AutoregressiveInterval(GapInterval.spanMeans(values))].compactMap(\.self)
    let bounds = looks.map {
      ($0.lowerBound(confidence: Self.confidence), $0.upperBound(confidence: Self.confidence))
    }
    let back: (Double) -> Double = { isPositive ? .exp($0) : $0 }
    value = back(whole.mean)
    lower = back(bounds.reduce(whole.mean) { min($0, $1.0) })
    upper = back(bounds.reduce(whole.mean) { max($0, $1.1) })
    records = losses.count
    self.isPositive = isPositive
  }

  /// The level of several runs together: the geometric mean of their values, and bounds that hold
  /// those of all; nil for none.
  ///
  /// What runs of different seeds make of the same network is told apart by no interval of one run.
  public static func together(_ levels: [LossLevel]) -> LossLevel? {
    guard let first = levels.first, levels.count > 1 else { return levels.first }
    let isPositive = levels.allSatisfy(\.isPositive)
    let n = Double(levels.count)
    let mean: Double =
      isPositive
      ? .exp(levels.reduce(0) { $0 + .log($1.value) } / n)
      : levels.reduce(0) { $0 + $1.value } / n
    return LossLevel(
      value: mean, lower: levels.reduce(first.lower) { min($0, $1.lower) },
      upper: levels.reduce(first.upper) { max($0, $1.upper) },
      records: levels.reduce(0) { $0 + $1.records }, isPositive: isPositive)
  }

  private init(value: Double, lower: Double, upper: Double, records: Int, isPositive: Bool) {
    self.value = value
    self.lower = lower
    self.upper = upper
    self.records = records
    self.isPositive = isPositive
  }
}
