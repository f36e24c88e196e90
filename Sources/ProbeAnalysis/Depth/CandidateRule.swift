import ProbeCore

/// How far along a greedy order the loss is shown to stay within a tolerance (Depth.md).
///
/// The longest beginning of the order such that it and every shorter one was measured, has finite losses,
/// a held-out upper bound within the tolerance, and no error that surely rises. Hypotheses are tested in
/// an order that was fixed without the samples that they are tested on, each at its full level, and
/// testing ends with the first that is not rejected: the chance that the result costs more than the
/// tolerance is that of one bound, however many sets were looked at.
///
/// Source: Maurer, Hothorn and Lehmacher 1995 (fixed sequence of hypotheses).
public struct CandidateRule: Sendable, Hashable {
  /// Why the set is no larger.
  public enum End: Sendable, Hashable {
    /// All blocks of the order were dropped.
    case endOfOrder
    /// The set with one more block was not measured.
    case notMeasured
    /// The held-out upper bound of the set with one more block, which exceeds the tolerance.
    case tooCostly(heldOutUpper: Double)
    /// The error of the set with one more block surely rises, by this lower bound.
    case errorRises(lower: Double)
    /// A sample's loss was not finite without the set with one more block.
    case notFinite
  }

  /// How many blocks of the order may go.
  public let dropped: Int
  /// The block that comes next in the order; nil where it goes no further.
  public let next: Int?
  /// Why no more.
  public let end: End

  /// Walks along a curve.
  public init(_ curve: RemovalCurve, tolerance: Double) {
    let points = Dictionary(
      curve.points.map { ($0.dropped, $0.ablation) }, uniquingKeysWith: { $1 })
    let end = { (count: Int) -> End? in
      guard let ablation = points[count] else { return .notMeasured }
      guard let upper = ablation.heldOutUpper else { return .notFinite }
      guard upper <= tolerance else { return .tooCostly(heldOutUpper: upper) }
      if let lower = ablation.error?.lower, lower > BlockVerdict.greatestErrorRise {
        return .errorRises(lower: lower)
      }
      return nil
    }
    var count = 0
    while count < curve.order.ordinals.count {
      if let reason = end(count + 1) {
        dropped = count
        next = curve.order.ordinals[count]
        self.end = reason
        return
      }
      count += 1
    }
    dropped = count
    next = nil
    self.end = .endOfOrder
  }
}
