/// A row of block elements that draws positive numbers on a logarithmic scale.
public struct Sparkline: Sendable, Hashable {
  /// What the lowest block element stands for; this and all below, zero too, are drawn with it.
  public var low: Double
  /// What the highest block element stands for; this and all above are drawn with it.
  public var high: Double

  /// The block elements from low to high.
  public static let elements: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  /// What is drawn where there is no number.
  public static let undefined: Character = "·"

  /// A scale between two positive numbers.
  public init(low: Double, high: Double) {
    precondition(
      low > 0 && low <= high && high.isFinite, "a logarithmic scale needs 0 < low ≤ high")
    self.low = low
    self.high = high
  }

  /// The scale that fits all positive finite values, at most three decades; nil without any.
  ///
  /// The limit keeps one block at 1e-9 from pressing all others into one element.
  public init?(fitting values: some Sequence<Double>) {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    guard let high = positive.max(), let low = positive.min() else { return nil }
    self.init(low: max(low, high * 1e-3), high: high)
  }

  /// One element a value; nil and values that are not finite are undefined.
  ///
  /// Where the scale is one point, positive values are drawn at half height.
  public func draw(_ values: some Sequence<Double?>) -> String {
    String(values.map(element))
  }

  /// `width` elements over the given steps: each shows the geometric mean of the points in its
  /// share of the steps, or goes on with the one before where there are none.
  ///
  /// Values at or below ``low``, zero too, enter the mean as `low`; points without a number do
  /// not enter it. Before the first point, and where all points lack a number, it is undefined.
  public func draw(
    _ points: [(step: Int, value: Double?)], over steps: ClosedRange<Int>, width: Int
  ) -> String {
    guard width > 0 else { return "" }
    var sums = [(logs: Double, n: Int, points: Int)](repeating: (0, 0, 0), count: width)
    let length = Double(steps.upperBound - steps.lowerBound) + 1
    for point in points where steps.contains(point.step) {
      let place = Int(Double(point.step - steps.lowerBound) / length * Double(width))
      let slot = min(width - 1, place)
      sums[slot].points += 1
      guard let value = point.value, value.isFinite, value >= 0 else { continue }
      sums[slot].n += 1
      sums[slot].logs += BinaryLogarithm.of(max(value, low))
    }
    var last: Double?
    return draw(
      sums.map { sum -> Double? in
        if sum.points > 0 {
          last = sum.n > 0 ? BinaryLogarithm.power(sum.logs / Double(sum.n)) : nil
        }
        return last
      })
  }

  private func element(_ value: Double?) -> Character {
    guard let value, value.isFinite, value >= 0 else { return Self.undefined }
    guard value > 0 else { return Self.elements[0] }
    guard low < high else { return value < low ? Self.elements[0] : Self.elements[3] }
    // Differences of logarithms: quotients overflow.
    let base = BinaryLogarithm.of(low)
    let share = (BinaryLogarithm.of(value) - base) / (BinaryLogarithm.of(high) - base)
    let top = Self.elements.count - 1
    return Self.elements[Int((min(1, max(0, share)) * Double(top)).rounded())]
  }
}
