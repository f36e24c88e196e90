public import ProbeCore

/// What each sample of a probe set came to, the network in eval mode.
public struct ProbeSetLosses: Sendable, Hashable {
  /// Each sample's own loss; may be non-finite.
  public var losses: [Double]
  /// How wrong the prediction for each sample is, 0 … 1; nil where that cannot be counted.
  public var errors: [Double]?

  /// A probe set's losses and errors, of as many samples each.
  public init(losses: [Double], errors: [Double]? = nil) {
    precondition(errors.map { $0.count == losses.count } != false, "an error for each loss")
    self.losses = losses
    self.errors = errors
  }

  /// The mean loss; NaN for no samples.
  public var loss: Double { Self.mean(losses) }
  /// The share of wrong predictions; nil where it cannot be counted.
  public var error: Double? { errors.map(Self.mean) }

  fileprivate static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}

extension Ablation {
  /// What removing blocks did, from what each sample came to with them and without.
  ///
  /// Bounds are percentiles of a paired bootstrap over samples; where a sample's loss is not finite
  /// without the blocks, there are none.
  ///
  /// - Parameters:
  ///   - ordinals: The blocks removed together, ascending.
  ///   - base: The network as it is; at least two samples with finite losses.
  ///   - without: The network without the blocks, on the same samples.
  ///   - confidence: Of each bound, one-sided.
  public init(
    removing ordinals: [Int], from base: ProbeSetLosses, leaving without: ProbeSetLosses,
    confidence: Double = 0.95
  ) {
    precondition(base.losses.count == without.losses.count, "the same samples with and without")
    let changes = zip(without.losses, base.losses).map { $0 - $1 }
    var moments = Moments()
    for change in changes where change.isFinite { moments.add(change) }
    self.init(ordinals: ordinals, wallTime: 0, lossChanges: moments)
    nonFinite = changes.count - moments.n
    let bootstrap = PairedBootstrap(confidence: confidence)
    if nonFinite == 0 {
      let bounds = bootstrap.bounds(of: changes)
      loss = Change(value: moments.mean, lower: bounds.lower, upper: bounds.upper)
      func half(_ first: Int) -> Moments {
        var half = Moments()
        for place in stride(from: first, to: changes.count, by: 2) { half.add(changes[place]) }
        return half
      }
      let even = half(0)
      let n = Double(even.n)
      halves = Halves(
        even: even.mean, odd: half(1).mean,
        evenError: even.n > 1 ? (even.m2 / (n * (n - 1))).squareRoot() : nil)
    }
    if let before = base.errors, let after = without.errors {
      let changes = zip(after, before).map { $0 - $1 }
      let bounds = bootstrap.bounds(of: changes)
      error = Change(value: ProbeSetLosses.mean(changes), lower: bounds.lower, upper: bounds.upper)
    }
  }
}
