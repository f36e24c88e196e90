internal import ProbeAnalysis

/// The identity gap over the window.
public struct GapDocument: Encodable, Sendable {
  /// `p50`: the geometric mean of the records' medians.
  public let p50: OrNull<Double>
  /// `p90`: the geometric mean of the records' 90th percentiles.
  public let p90: OrNull<Double>
  /// `lower`: the lower confidence bound of `p50`.
  public let lower: OrNull<Double>
  /// `upper`: the upper confidence bound of `p50`; the verdict rests on it.
  public let upper: OrNull<Double>

  init(_ gap: BlockRow.Gap) {
    p50 = OrNull(finite: gap.p50)
    p90 = OrNull(finite: gap.p90)
    lower = OrNull(finite: gap.lower)
    upper = OrNull(finite: gap.upper)
  }
}

/// The residual ratio over the window, beside what it was at birth.
public struct RatioDocument: Encodable, Sendable {
  /// `p50`: the geometric mean of the records' medians.
  public let p50: OrNull<Double>
  /// `p90`: the geometric mean of the records' 90th percentiles.
  public let p90: OrNull<Double>
  /// `first`: the median at the first record, step 0 where the recorder was there from the start.
  public let first: OrNull<Double>
  /// `relative`: `p50` as a multiple of the baseline's median.
  public let relative: OrNull<Double>
  /// `relative_to`: `first`, `after_warm_up` (the branch was zero at birth), `zero_at_birth`
  /// (and nothing later to compare with) or `unknown`.
  public let relativeTo: String
  /// `relative_to_step`: the baseline's step; null where there is none.
  public let relativeToStep: OrNull<Int>

  init(_ ratio: RatioRow) {
    p50 = OrNull(finite: ratio.p50)
    p90 = OrNull(finite: ratio.p90)
    first = OrNull(finite: ratio.first)
    relative = OrNull(finite: ratio.relative)
    switch ratio.baseline {
    case .first(let step, _): (relativeTo, relativeToStep) = ("first", OrNull(step))
    case .afterWarmUp(let step, _): (relativeTo, relativeToStep) = ("after_warm_up", OrNull(step))
    case .zeroAtBirth: (relativeTo, relativeToStep) = ("zero_at_birth", OrNull(nil))
    case .unknown: (relativeTo, relativeToStep) = ("unknown", OrNull(nil))
    }
  }
}

/// The Taylor importance over the window: a place in an order, no cost.
public struct TaylorDocument: Encodable, Sendable {
  /// `mean`: the mean over the window's records; its level means nothing by itself.
  public let mean: OrNull<Double>
  /// `rank`: 1 for the block that matters most; ties share the smallest rank of theirs.
  public let rank: OrNull<Int>
  /// `group`: the number of the block's group, from 1; blocks of one group are not told apart.
  public let group: OrNull<Int>
  /// `share`: the part of the sum over all ranked blocks.
  public let share: OrNull<Double>

  init(_ row: BlockRow) {
    mean = OrNull(finite: row.taylorMean)
    rank = OrNull(row.taylor?.rank)
    group = OrNull(row.taylor?.group)
    share = OrNull(finite: row.taylor?.share)
  }
}
