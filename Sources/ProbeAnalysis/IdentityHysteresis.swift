public import ProbeCore
import RealModule

/// When a block begins or ceases to count as an identity, without flapping (Verdicts.md).
///
/// A run's measured steps are cut into windows of ``windowSteps`` in a row. A block becomes an identity
/// with the third window in a row whose upper bound of the gap lies below ε, for its samples too, and
/// ceases to be one with the third in a row whose upper bound lies at or above 2ε. Between the two, or
/// where a window decides nothing, it stays what it is and the count begins anew.
///
/// A function of one window and of what was said by the one before: it does not depend on how the
/// records arrived, and costs one window.
public enum IdentityHysteresis {
  /// The measured steps in a window.
  public static let windowSteps = 20
  /// The windows in a row that make a change.
  public static let windowsInARow = 3
  /// The fewest records with a median gap that a window decides by.
  public static let leastRecords = 5

  /// What a block counts as by the end of a window, given the link before; nil before the first.
  ///
  /// `records` are the block's in these steps, in order, ranks merged. At the window that makes a
  /// change ``ProbeCore/BlockWindow/streak`` is 0 and ``ProbeCore/BlockWindow/streakStart`` says from
  /// which step on the block is what it became.
  ///
  /// Complexity: O(records).
  public static func next(
    after before: BlockWindow?, of block: Block, steps: ClosedRange<Int>, records: [GapRecord],
    settings: VerdictSettings
  ) -> BlockWindow {
    var window = BlockWindow(ordinal: block.ordinal, steps: steps)
    window.isIdentity = before?.isIdentity ?? false
    let series = GapSeries(records)
    window.records = series.values.count
    guard isDecisive(records, of: block, settings) else { return window }
    let mean = series.values.reduce(0, +) / Double(series.values.count)
    let gap = series.isAllFloor ? 0 : Double.exp(mean)
    window.gap = gap
    // The bound costs far more than the mean and is not needed where the mean decides.
    if gap < 2 * settings.epsilon {
      window.upper = GapInterval(series)?.upperBound(confidence: settings.confidence)
    }
    let isForChange =
      window.isIdentity
      ? window.upper.map { $0 >= 2 * settings.epsilon } ?? true
      : isIdentity(window.upper, records, settings)
    guard isForChange else { return window }
    let streak = before?.streak ?? 0
    window.streak = streak + 1
    window.streakStart = streak > 0 ? before?.streakStart : window.firstStep
    if window.streak >= windowsInARow {
      window.isIdentity.toggle()
      window.streak = 0
    }
    return window
  }

  /// Whether no guard of the verdicts forbids an answer.
  private static func isDecisive(
    _ records: [GapRecord], of block: Block, _ settings: VerdictSettings
  ) -> Bool {
    var settings = settings
    settings.minimumRecords = leastRecords
    return block.canBeIdentity
      && VerdictGuard.missing(in: records, of: block, settings: settings) == nil
  }

  private static func isIdentity(
    _ upper: Double?, _ records: [GapRecord], _ settings: VerdictSettings
  ) -> Bool {
    guard let upper, upper < settings.epsilon else { return false }
    let spread = Spread(records)
    return spread.samples >= settings.minimumSamples
      && spread.isIdentity(epsilon: settings.epsilon, settings: settings)
  }
}
