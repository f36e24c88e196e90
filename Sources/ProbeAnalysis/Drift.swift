import RealModule

/// How much a series rises over its window (the drift of Verdicts.md).
///
/// The least-squares line over the index of the record; its standard error counts the residuals'
/// lag-1 autocorrelation, else a slow wander would pass for a drift. Unit: that of the series.
public struct Drift: Sendable, Hashable {
  /// The line's last value minus its first; negative where the series falls.
  public let rise: Double
  /// The standard error of the rise.
  public let standardError: Double

  /// The least rise of ln gap that counts: about a tenth of the gap.
  public static let leastRise = 0.1

  /// Looks at a series in order; nil below three values.
  public init?(_ values: [Double]) {
    guard values.count >= 3 else { return nil }
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    let middle = (n - 1) / 2
    let xSquares = n * (n * n - 1) / 12
    let slope =
      values.enumerated().reduce(0) { $0 + (Double($1.offset) - middle) * ($1.element - mean) }
      / xSquares
    let residuals = values.enumerated().map {
      $0.element - mean - slope * (Double($0.offset) - middle)
    }
    let squares = residuals.reduce(0) { $0 + $1 * $1 }
    let products = zip(residuals, residuals.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    let lag = squares > 0 ? products / squares : 0
    let rho = min(max(lag + (1 + 4 * lag) / n, 0), 0.97)
    rise = slope * (n - 1)
    standardError = (n - 1) * .sqrt(squares / (n - 2) / xSquares * (1 + rho) / (1 - rho))
  }

  /// Whether the rise is above ``leastRise`` and above twice its standard error.
  ///
  /// A fall never is: it changes no bound.
  public var counts: Bool { rise > Self.leastRise && rise > 2 * standardError }
}
