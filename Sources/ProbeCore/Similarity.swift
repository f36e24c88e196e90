import RealModule

/// How alike two blocks are over an examination's probe set, in eval mode (Depth.md).
///
/// The span is the two blocks and all between as one step: what the stream would miss if they were left
/// out. Only blocks of one stage have one, without projections and dense blocks among them.
public struct Similarity: Sendable, Hashable {
  /// The ordinal of the earlier block.
  public var first: Int
  /// The ordinal of the later block; the earlier one itself for its own span.
  public var last: Int
  /// The angle between the stream before the earlier block and after the later one, over π, of each sample.
  ///
  /// Source: Gromov et al. 2024, equation 8.
  public var angularDistance: Moments
  /// The samples with a span gap.
  public var gapSamples: Int
  /// The natural logarithms of the span gaps above 0: ‖y − x‖/‖x‖, x before the earlier block and y after
  /// the later one.
  public var gapLogs: Moments
  /// Linear CKA of what the two blocks return, −1 … 1, samples being rows; nil where it is undefined.
  ///
  /// Source: Nguyen, Raghu and Kornblith 2021, equation 2 (unbiased HSIC₁, summed over minibatches).
  public var cka: Double?
  /// The same of what their branches add.
  public var branchCKA: Double?

  /// Two blocks of which nothing is known yet.
  public init(first: Int, last: Int) {
    self.first = first
    self.last = last
    angularDistance = Moments()
    gapSamples = 0
    gapLogs = Moments()
  }

  /// The blocks of the span.
  public var blocks: ClosedRange<Int> { first...last }

  /// Whether the two blocks and those between were looked at as one step.
  public var isSpan: Bool { angularDistance.n > 0 || gapSamples > 0 }

  /// The geometric mean of the span gap, gaps of 0 counted as 2⁻²⁰; 0 where all are, nil without any.
  public var spanGap: Double? {
    guard gapSamples > 0 else { return nil }
    guard gapLogs.n > 0 else { return 0 }
    let zeros = Double(gapSamples - gapLogs.n) * .log(0x1p-20)
    return .exp((Double(gapLogs.n) * gapLogs.mean + zeros) / Double(gapSamples))
  }
}
