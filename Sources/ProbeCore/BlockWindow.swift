/// A block over a few measured steps in a row, and what it counts as by their end: a link of the chain
/// that changes of a verdict follow from (Verdicts.md).
///
/// Whoever knows the last link needs nothing of the past to make the next.
public struct BlockWindow: Sendable, Hashable {
  /// The block's ordinal.
  public var ordinal: Int
  /// The first measured step of the window.
  public var firstStep: Int
  /// The last measured step of the window.
  public var lastStep: Int
  /// The records with a median gap in it.
  public var records = 0
  /// The geometric mean of the median gap over it; nil where the window decides nothing.
  public var gap: Double?
  /// The gap's upper confidence bound; nil where the gap itself already lies at or above 2ε.
  public var upper: Double?
  /// Whether the block counts as an identity by the end of the window.
  public var isIdentity = false
  /// The windows in a row, this one the last, that speak for a change; 0 again once it is made.
  public var streak = 0
  /// The first step of the first of those windows, and of those that made a change at this one.
  public var streakStart: Int?

  /// A window that says nothing yet.
  public init(ordinal: Int, steps: ClosedRange<Int>) {
    self.ordinal = ordinal
    firstStep = steps.lowerBound
    lastStep = steps.upperBound
  }
}
