/// The root of an increasing function, by Newton's method kept inside a shrinking bracket.
enum MonotoneRoot {
  /// Solves `value(x) = 0` for an increasing function with `value(lower)` ≤ 0 ≤ `value(upper)`.
  ///
  /// A Newton step that leaves the bracket is replaced by its middle, so the search ends even
  /// where the slope vanishes. Exact to a few units in the last place; at most 200 evaluations.
  static func find(
    from lower: Double, to upper: Double,
    of function: (Double) -> (value: Double, slope: Double)
  ) -> Double {
    var (lower, upper) = (lower, upper)
    var x = lower + (upper - lower) / 2
    for _ in 0..<200 {
      let (value, slope) = function(x)
      if value == 0 { return x }
      if value < 0 { lower = x } else { upper = x }
      let newton = x - value / slope
      let next = newton > lower && newton < upper ? newton : lower + (upper - lower) / 2
      let settled = (next - x).magnitude <= 4 * x.ulp || upper - lower <= 4 * x.ulp
      x = next
      if settled { break }
    }
    return x
  }
}
