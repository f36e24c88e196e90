import RealModule

/// What the training loss of a run has come to: its level over a window, with an interval.
///
/// The losses of single batches scatter by factors once a network has nearly fitted its data, so their
/// logarithms are looked at and the level is their geometric mean. The series counts as AR(1), as a gap
/// does (``AutoregressiveInterval``), and from 150 records on the means of its spans are a second look,
/// the wider one counts. Losses that are not all above zero have no logarithm: their level is the
/// arithmetic mean, and nothing is said of ratios.
///
/// A loss that falls has no level to bound: where it does so over the window, its last third counts, and
/// where it does so there too, the bounds are none of a level (``isFalling``).
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
  /// Whether the loss still fell in the records that this rests on.
  public let isFalling: Bool

  /// The fewest losses that make a level.
  public static let leastRecords = 5
  /// The confidence of each bound.
  public static let confidence = 0.95
  /// A loss falls whose last third has a median of at most this share of that of the first third, with
  /// that of the second between them.
  public static let fallingShare = 2.0 / 3

  /// Looks at the finite losses of a window in order; nil for fewer than ``leastRecords``.
  ///
  /// Complexity: O(n).
  public init?(_ losses: [Double]) {
    var losses = losses.filter(\.isFinite)
    let isPositive = losses.allSatisfy { $0 > 0 }
    let third = losses.count / 3
    if third >= Self.leastRecords, Self.falls(losses) { losses = Array(losses.suffix(third)) }
    // As shares of the greatest: sums of losses of any size stay finite.
    let greatest = losses.reduce(0) { max($0, abs($1)) }
    let unit = greatest > 0 ? greatest : 1
    let values = losses.map { isPositive ? Double.log($0) : $0 / unit }
    guard losses.count >= Self.leastRecords, let whole = AutoregressiveInterval(values) else {
      return nil
    }
    let looks =
      [whole] + [AutoregressiveInterval(GapInterval.spanMeans(values))].compactMap(\.self)
    let bounds = looks.map {
      ($0.lowerBound(confidence: Self.confidence), $0.upperBound(confidence: Self.confidence))
    }
    let back: (Double) -> Double = { isPositive ? .exp($0) : $0 * unit }
    value = back(whole.mean)
    lower = back(bounds.reduce(whole.mean) { min($0, $1.0) })
    upper = back(bounds.reduce(whole.mean) { max($0, $1.1) })
    records = losses.count
    self.isPositive = isPositive
    isFalling = Self.falls(losses)
  }

  private static func falls(_ losses: [Double]) -> Bool {
    let third = losses.count / 3
    guard third >= 2, losses.allSatisfy({ $0 > 0 }),
      let first = Median.of(Array(losses.prefix(third))),
      let middle = Median.of(Array(losses.dropFirst(third).dropLast(third))),
      let last = Median.of(Array(losses.suffix(third)))
    else { return false }
    return first >= middle && middle >= last && last <= fallingShare * first
  }

  /// The level of several runs together: the geometric mean of their values; nil for none.
  ///
  /// From three runs on the runs are the sample, as seeds of one network are: bounds are Student's t
  /// over their levels, whose own intervals then say nothing more. Of two, bounds hold those of both.
  public static func together(_ levels: [LossLevel]) -> LossLevel? {
    guard let first = levels.first, levels.count > 1 else { return levels.first }
    let isPositive = levels.allSatisfy(\.isPositive)
    let n = Double(levels.count)
    let records = levels.reduce(0) { $0 + $1.records }
    let values = levels.map { isPositive ? Double.log($0.value) : $0.value }
    let mean = values.reduce(0) { $0 + $1 / n }
    let back: (Double) -> Double = { isPositive ? .exp($0) : $0 }
    guard levels.count >= 3 else {
      return LossLevel(
        value: back(mean), lower: levels.reduce(first.lower) { min($0, $1.lower) },
        upper: levels.reduce(first.upper) { max($0, $1.upper) }, records: records,
        isPositive: isPositive, isFalling: levels.contains(where: \.isFalling))
    }
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / (n - 1) }
    let half =
      StudentT(degreesOfFreedom: n - 1).quantile(confidence) * (variance / n).squareRoot()
    return LossLevel(
      value: back(mean), lower: back(mean - half), upper: back(mean + half), records: records,
      isPositive: isPositive, isFalling: levels.allSatisfy(\.isFalling))
  }

  private init(
    value: Double, lower: Double, upper: Double, records: Int, isPositive: Bool, isFalling: Bool
  ) {
    self.value = value
    self.lower = lower
    self.upper = upper
    self.records = records
    self.isPositive = isPositive
    self.isFalling = isFalling
  }
}
