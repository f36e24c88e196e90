internal import ProbeAnalysis

/// How large gradients are over depth, in JSON.
public struct GradientsDocument: Encodable, Sendable {
  /// `start`: at step 0; null where step 0 was not recorded.
  public let start: OrNull<GradientMomentDocument>
  /// `after_warm_up`: at the first record after warm-up.
  public let afterWarmUp: OrNull<GradientMomentDocument>
  /// `now`: the median over the recent records.
  public let now: OrNull<GradientMomentDocument>

  init(_ gradients: GradientProfile) {
    start = OrNull(gradients.start.map(GradientMomentDocument.init))
    afterWarmUp = OrNull(gradients.afterWarmUp.map(GradientMomentDocument.init))
    now = OrNull(gradients.now.map(GradientMomentDocument.init))
  }
}

/// The gradients over depth at one moment, in JSON.
public struct GradientMomentDocument: Encodable, Sendable {
  /// `step`: the step, or the last of several.
  public let step: Int
  /// `levels`: the mean norm of each block in network order; null where it was not measured.
  public let levels: [OrNull<Double>]
  /// `ratio`: the first block's level over the last block's.
  public let ratio: OrNull<Double>
  /// `slope`: of ln level per block, each stage for itself.
  public let slope: OrNull<Double>

  init(_ moment: GradientProfile.Moment) {
    step = moment.step
    levels = moment.levels.map { OrNull(finite: $0) }
    ratio = OrNull(finite: moment.ratio)
    slope = OrNull(finite: moment.slope)
  }
}
