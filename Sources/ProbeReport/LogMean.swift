/// The geometric mean in which zeros count as 2⁻²⁰, as in the verdicts' series.
///
/// The series is described in Verdicts.md.
package enum LogMean {
  /// The least value that is told from zero.
  package static let floor = 0x1p-20

  /// The geometric mean; values that are absent or not finite do not enter it.
  ///
  /// - Returns: nil without values; 0 where all of them lie at or below ``floor``.
  package static func of(_ values: some Sequence<Double?>) -> Double? {
    var (sum, count, isAbove) = (0.0, 0, false)
    for case .some(let value) in values where value.isFinite && value >= 0 {
      sum += BinaryLogarithm.of(max(value, floor))
      count += 1
      isAbove = isAbove || value > floor
    }
    guard count > 0 else { return nil }
    return isAbove ? BinaryLogarithm.power(sum / Double(count)) : 0
  }
}
