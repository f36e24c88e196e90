/// Count, mean and sum of squared deviations of a sample, built up value by value.
///
/// Merging is exact in real arithmetic, associative and commutative up to rounding.
/// Source: Welford 1962 for `add`, Chan, Golub and LeVeque 1979 for `merge`.
public struct Moments: Sendable, Hashable {
  /// The number of values.
  public private(set) var n: Int
  /// The arithmetic mean; 0 while `n` is 0.
  public private(set) var mean: Double
  /// The sum of squared deviations from the mean; 0 while `n` is below 2.
  public private(set) var m2: Double

  /// An empty sample.
  public init() {
    n = 0
    mean = 0
    m2 = 0
  }

  /// A sample known by its summary; returns nil where no sample has such a summary.
  public init?(n: Int, mean: Double, m2: Double) {
    guard n >= 0, mean.isFinite, m2.isFinite, m2 >= 0, n > 0 || mean == 0, n > 1 || m2 == 0 else {
      return nil
    }
    self.n = n
    self.mean = mean
    self.m2 = m2
  }

  /// The sum of squares of the values.
  public var squareSum: Double { m2 + Double(n) * mean * mean }

  /// Takes in one finite value.
  public mutating func add(_ value: Double) {
    n += 1
    let delta = value - mean
    mean += delta / Double(n)
    m2 += delta * (value - mean)
  }

  /// Takes in another sample.
  public mutating func merge(_ other: Moments) {
    guard other.n > 0 else { return }
    guard n > 0 else {
      self = other
      return
    }
    let total = Double(n + other.n)
    let delta = other.mean - mean
    mean += delta * Double(other.n) / total
    m2 += other.m2 + delta * delta * Double(n) * Double(other.n) / total
    n += other.n
  }
}
