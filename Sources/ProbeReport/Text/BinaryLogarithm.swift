/// Logarithms to base 2 and back.
///
/// The standard library has none, and drawings of eight heights and numbers shown with three
/// digits are no reason to depend on a mathematics library.
package enum BinaryLogarithm {
  /// The binary logarithm of a positive finite number; error below 1e-12.
  ///
  /// The exponent, and the series of artanh for the significand.
  package static func of(_ value: Double) -> Double {
    // A significand in [1/√2, √2) keeps the series short.
    var exponent = Double(value.exponent)
    var significand = value.significand
    if significand > 1.4142135623730951 {
      significand /= 2
      exponent += 1
    }
    let z = (significand - 1) / (significand + 1)
    let square = z * z
    var power = z
    var sum = 0.0
    var odd = 1.0
    while odd < 31 {
      sum += power / odd
      power *= square
      odd += 2
    }
    return exponent + 2 * sum / 0.6931471805599453
  }

  /// Two to the power of a number; error below 1e-12 of it.
  package static func power(_ value: Double) -> Double {
    let whole = value.rounded(.down)
    let x = (value - whole) * 0.6931471805599453
    var term = 1.0
    var sum = 1.0
    for n in 1...20 {
      term *= x / Double(n)
      sum += term
    }
    return Double(sign: .plus, exponent: Int(max(-1100, min(1100, whole))), significand: sum)
  }
}
