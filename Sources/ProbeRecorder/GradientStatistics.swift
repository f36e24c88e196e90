internal import ProbeCore

/// The gradient statistics of one block over the samples of one step.
///
/// With ℓ the mean loss of a micro-batch of n samples, n·g_i is the gradient of sample i's own
/// loss; the loss scale is divided out. `branch_gain` needs neither, being a quotient of gradients.
///
/// Source: Molchanov 2019 (Taylor importance, gate form); Veit 2016 (paths through branches).
struct GradientStatistics: Sendable {
  private var norm = Moments()
  private var gain = Moments()
  private var importance = Moments()
  private var signed = Moments()

  /// Takes in one sample; `factor` is n over the loss scale.
  ///
  /// Passed over as a whole where a sum is not finite; the gain alone where g = 0.
  mutating func take(_ sums: GradientSums, factor: Double) {
    let ownNorm = sums.square.squareRoot() * factor
    let ownProduct = sums.product * factor
    guard sums.isFinite, ownNorm < Self.greatest, abs(ownProduct) < Self.greatest else { return }
    norm.add(ownNorm)
    importance.add(abs(ownProduct))
    signed.add(ownProduct)
    if let through = sums.through, sums.square > 0 {
      gain.add((through / sums.square).squareRoot())
    }
  }

  /// The greatest value whose square still fits a Double's sum of squares.
  private static let greatest = 1e140

  /// Writes the statistics; a dense block keeps the Taylor importance alone.
  func enter(_ statistics: inout BlockStatistics, onlyTaylor: Bool) {
    statistics.taylorImportance = importance
    if signed.n > 0 { statistics.taylorSignedMean = signed.mean }
    guard !onlyTaylor else { return }
    statistics.outputGradNorm = norm
    statistics.branchGain = gain
  }
}
