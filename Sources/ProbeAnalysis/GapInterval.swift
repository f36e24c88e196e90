import RealModule

/// The interval of a block's gap over a window, drift included (STATISTICS.md section 4, points 2 to 4).
///
/// Up to three looks at the series are taken and the widest counts. The series itself. From 100
/// records on, the means of about 50 spans: noise from batch to batch on top of a slow wander
/// hides the wander from an AR(1) look at single records (with the mean at ε it called 26 % of
/// such blocks identities; with the second look 5 to 15 %), and averaging uncovers it. Where a
/// drift counts, the last third raised by the rise: a rise never helps, a fall changes nothing.
///
/// Unit: gap (a ratio of norms).
public struct GapInterval: Sendable {
  /// The geometric mean of the median gaps; 0 where all stand on the floor.
  public let centre: Double
  /// The lower confidence bound.
  public let lower: Double
  /// The upper confidence bound, drift included.
  public let upper: Double
  /// The drift, where it counts.
  public let drift: Drift?

  /// The looks that the upper bound and the p-value come from; none where all is floor.
  private let looks: [AutoregressiveInterval]

  /// The number of spans in the second look; it is taken from twice as many records on.
  public static let spans = 50

  /// The interval of a series at a one-sided confidence each way; nil below two values.
  ///
  /// A series that is all floor has the bounds 0. Complexity: O(n).
  public init?(_ series: GapSeries, confidence: Double) {
    guard let whole = AutoregressiveInterval(series.values) else { return nil }
    if series.isAllFloor {
      (centre, lower, upper, drift, looks) = (0, 0, 0, nil, [])
      return
    }
    let centred = [whole] + [Self.spanMeans(series.values)].compactMap(AutoregressiveInterval.init)
    let drift = Drift(series.values).flatMap { $0.counts ? $0 : nil }
    let third = max(2, (series.values.count + 2) / 3)
    let risen = drift.flatMap { drift in
      AutoregressiveInterval(series.values.suffix(third).map { $0 + drift.rise })
    }
    looks = centred + (risen.map { [$0] } ?? [])
    centre = .exp(whole.mean)
    lower = .exp(centred.map { $0.lowerBound(confidence: confidence) }.min()!)
    upper = .exp(looks.map { $0.upperBound(confidence: confidence) }.max()!)
    self.drift = drift
  }

  /// The one-sided p-value of "the gap is `bound` or more", drift included; 0 where all is floor.
  ///
  /// It is below 1 − confidence exactly where ``upper`` is below `bound`. `bound` must lie above
  /// 2⁻²⁰.
  public func pValue(gapAtLeast bound: Double) -> Double {
    looks.map { $0.pValue(meanAtLeast: .log(bound)) }.max() ?? 0
  }

  /// The means of consecutive spans of equal length up to the last value; empty below 100 values.
  private static func spanMeans(_ values: [Double]) -> [Double] {
    let length = values.count / spans
    guard length >= 2 else { return [] }
    return stride(from: values.count % length, to: values.count, by: length).map { start in
      values[start..<(start + length)].reduce(0, +) / Double(length)
    }
  }
}
