internal import ProbeCore

/// The residual ratio of a block over the window, beside what it was at birth.
///
/// A ratio of 1/√l is normal at initialisation already, so its size alone says little; what it
/// has become since does (`residual_ratio` in ReportJSON.md).
public struct RatioRow: Sendable, Hashable {
  /// What the ratio is compared with.
  public enum Baseline: Sendable, Hashable {
    /// The first record, step 0 where the recorder was attached from the start.
    case first(step: Int, ratio: Double)
    /// The branch was zero at birth: the first record after warm-up.
    case afterWarmUp(step: Int, ratio: Double)
    /// The branch was zero at birth and there is nothing later to compare with.
    case zeroAtBirth
    /// There is no first record with a ratio.
    case unknown
  }

  /// A first ratio below this counts as zero: the block was born as the identity.
  public static let zeroAtBirthLimit = 1e-3

  /// The geometric mean of the records' medians.
  public var p50: Double?
  /// The geometric mean of the records' 90th percentiles.
  public var p90: Double?
  /// The first record's median.
  public var first: Double?
  /// What ``relative`` is relative to.
  public var baseline: Baseline

  /// ``p50`` as a multiple of the baseline's ratio; nil where there is none to compare with.
  public var relative: Double? {
    guard let p50 else { return nil }
    switch baseline {
    case .first(_, let ratio), .afterWarmUp(_, let ratio): return p50 / ratio
    case .zeroAtBirth, .unknown: return nil
    }
  }

  /// Whether the branch was zero at birth.
  public var isFromZeroAtBirth: Bool {
    switch baseline {
    case .afterWarmUp, .zeroAtBirth: true
    case .first, .unknown: false
    }
  }

  init(history: BlockHistory, window: [BlockRecord]) {
    (p50, p90) = window.withUnsafeBufferPointer { window in
      let places = window.indices.lazy
      return (
        LogMean.of(places.map { window[$0].statistics.residualRatio.p50 }),
        LogMean.of(places.map { window[$0].statistics.residualRatio.p90 })
      )
    }
    first = history.first?.statistics.residualRatio.p50
    baseline = Self.baseline(history)
  }

  private static func baseline(_ history: BlockHistory) -> Baseline {
    guard let record = history.first, let ratio = record.statistics.residualRatio.p50,
      ratio.isFinite
    else { return .unknown }
    guard ratio < zeroAtBirthLimit else { return .first(step: record.step, ratio: ratio) }
    guard let later = history.reference, let grown = later.statistics.residualRatio.p50,
      grown.isFinite, grown >= zeroAtBirthLimit
    else { return .zeroAtBirth }
    return .afterWarmUp(step: later.step, ratio: grown)
  }
}
