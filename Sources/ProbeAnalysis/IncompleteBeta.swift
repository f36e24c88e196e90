import RealModule

/// The regularised incomplete beta function I_x(a, b).
///
/// Source: the continued fraction DLMF 8.17.22, evaluated by Lentz's method (Thompson and
/// Barnett 1986).
struct IncompleteBeta {
  /// The first shape, above 0.
  let a: Double
  /// The second shape, above 0.
  let b: Double
  private let logBeta: Double

  /// The function for two shapes; the beta function is computed once.
  init(a: Double, b: Double) {
    precondition(a > 0 && b > 0, "the shapes of a beta function are above zero")
    self.a = a
    self.b = b
    logBeta = .logGamma(a) + .logGamma(b) - .logGamma(a + b)
  }

  /// I_x(a, b) for `x` in 0 … 1, where `complement` is 1 − x as exactly as the caller knows it.
  ///
  /// Small results keep their relative precision, which is why both parts are asked for.
  func regularized(_ x: Double, complement: Double) -> Double {
    if x <= 0 { return 0 }
    if complement <= 0 { return 1 }
    let logX = x < 0.5 ? Double.log(x) : .log(onePlus: -complement)
    let logComplement = complement < 0.5 ? Double.log(complement) : .log(onePlus: -x)
    let front = Double.exp(a * logX + b * logComplement - logBeta)
    return x < (a + 1) / (a + b + 2)
      ? front * Self.fraction(a, b, x) / a
      : 1 - front * Self.fraction(b, a, complement) / b
  }

  private static func fraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
    let tiny = 1e-300
    func awayFromZero(_ value: Double) -> Double { value.magnitude < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / awayFromZero(1 - (a + b) * x / (a + 1))
    var result = d
    for index in 1...100_000 {
      let m = Double(index)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / awayFromZero(1 + even * d)
      c = awayFromZero(1 + even / c)
      result *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / awayFromZero(1 + odd * d)
      c = awayFromZero(1 + odd / c)
      result *= d * c
      if (d * c - 1).magnitude < 1e-15 { break }
    }
    return result
  }
}
