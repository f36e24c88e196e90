public import ProbeCore

extension Ablation {
  /// The upper bound of the change of the loss, from the samples that no choice of the set looked at.
  ///
  /// A greedy order is chosen by the loss of the samples 0, 2, 4 …, which is too low for a set that won by
  /// luck. The other half is free of that; it has half the samples, so its error is √2 times as large:
  /// odd + √2·(upper − value). Nil where a sample's loss was not finite.
  public var heldOutUpper: Double? {
    guard let loss, let halves else { return nil }
    let bound = halves.odd + Double(2).squareRoot() * (loss.upper - loss.value)
    return bound.isFinite ? bound : nil
  }
}
