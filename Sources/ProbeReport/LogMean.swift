/// The geometric mean in which zeros count as 2⁻²⁰, as in the verdicts' series.
///
/// The series is described in Verdicts.md.
package enum LogMean {
  /// The least value that is told from zero.
  package static let floor = 0x1p-20

  /// The geometric mean; values that are absent or not finite do not enter it.
  ///
  /// - Returns: nil without values; 0 where all of them lie at or below ``floor``.
  package static func of(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }.filter { $0.isFinite && $0 >= 0 }
    guard !known.isEmpty else { return nil }
    guard known.contains(where: { $0 > floor }) else { return 0 }
    let sum = known.reduce(0) { $0 + BinaryLogarithm.of(max($1, floor)) }
    return BinaryLogarithm.power(sum / Double(known.count))
  }
}
