import RealModule

/// The interval of a block's gap over a window, drift included (Verdicts.md).
///
/// Up to three looks at the series are taken and the widest counts. The series itself. From 150
/// records on, the means of 75 spans or a few more: noise from batch to batch on top of a slow
/// wander hides the wander from an AR(1) look at single records, and averaging uncovers it (400
/// records at ε, 20 records of autocorrelation time: 24 % called identities without the second
/// look, 10 % with it; fewer spans see more but miss blocks 10 % below ε). Where a drift counts,
/// the last third raised by the rise: a rise never helps, a fall changes nothing.
///
/// Unit: gap (a ratio of norms).
public struct GapInterval: Sendable {
  /// The geometric mean of the median gaps; 0 where all stand on the floor.
  public let centre: Double
  /// The drift, where it counts.
  public let drift: Drift?

  /// The looks at the series and its spans; none where all is floor.
  private let level: [AutoregressiveInterval]
  /// The look that a drift adds.
  private let risen: AutoregressiveInterval?

  /// The number of spans in the second look; it is taken from twice as many records on.
  public static let spans = 75

  /// Looks at a series; nil below two values.
  ///
  /// A series that is all floor has the bounds 0. Complexity: O(n).
  public init?(_ series: GapSeries) {
    guard let whole = AutoregressiveInterval(series.values) else { return nil }
    if series.isAllFloor {
      (centre, drift, level, risen) = (0, nil, [], nil)
      return
    }
    centre = .exp(whole.mean)
    level = [whole, AutoregressiveInterval(Self.spanMeans(series.values))].compactMap(\.self)
    let drift = Drift(series.values).flatMap { $0.counts ? $0 : nil }
    let third = max(2, (series.values.count + 2) / 3)
    risen = drift.flatMap { drift in
      AutoregressiveInterval(series.values.suffix(third).map { $0 + drift.rise })
    }
    self.drift = drift
  }

  /// What the gap exceeds with this one-sided confidence; 0 where all is floor.
  public func lowerBound(confidence: Double) -> Double {
    level.map { .exp($0.lowerBound(confidence: confidence)) }.min() ?? 0
  }

  /// What the gap stays below with this one-sided confidence, drift included; 0 where all is floor.
  public func upperBound(confidence: Double) -> Double {
    looks.map { .exp($0.upperBound(confidence: confidence)) }.max() ?? 0
  }

  /// The one-sided p-value of "the gap is `bound` or more", drift included; 0 where all is floor.
  ///
  /// It is below 1 − confidence exactly where ``upperBound(confidence:)`` is below `bound`, which
  /// must lie above 2⁻²⁰.
  public func pValue(gapAtLeast bound: Double) -> Double {
    looks.map { $0.pValue(meanAtLeast: .log(bound)) }.max() ?? 0
  }

  private var looks: [AutoregressiveInterval] { level + [risen].compactMap(\.self) }

  /// The means of consecutive spans of equal length up to the last value; empty below 150 values.
  static func spanMeans(_ values: [Double]) -> [Double] {
    let length = values.count / spans
    guard length >= 2 else { return [] }
    return stride(from: values.count % length, to: values.count, by: length).map { start in
      values[start..<(start + length)].reduce(0, +) / Double(length)
    }
  }
}
