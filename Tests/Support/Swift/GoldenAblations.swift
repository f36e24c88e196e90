public import ProbeCore

extension Golden {
  private static func examination(
    _ first: UInt8, step: Int, samples: Int = 64, planned: Int, loss: Double, error: Double?,
    confidence: Double = 0.95
  ) -> Examination {
    Examination(
      identity: Identity(bytes: first..<first + 16)!, step: step, samples: samples,
      planned: planned, baseLoss: loss, baseError: error, confidence: confidence)
  }

  private static func ablation(
    _ ordinals: [Int], after seconds: Double, n: Int = 64, mean: Double, m2: Double,
    bounds: (Double, Double), halves: (Double, Double), error: (Double, Double, Double)
  ) -> Ablation {
    var ablation = Ablation(
      ordinals: ordinals, wallTime: 1.75e9 + seconds,
      lossChanges: Moments(n: n, mean: mean, m2: m2)!)
    ablation.loss = Ablation.Change(value: mean, lower: bounds.0, upper: bounds.1)
    ablation.halves = Ablation.Halves(even: halves.0, odd: halves.1)
    ablation.error = Ablation.Change(value: error.0, lower: error.1, upper: error.2)
    return ablation
  }

  /// The ablations of ablations.rpj.
  public static let ablations: [Record] = {
    let both = examination(0x40, step: 100, planned: 2, loss: 0.5, error: 0.125)
    var alone = ablation(
      [0], after: 200, mean: 0.25, m2: 1.5, bounds: (0.125, 0.375), halves: (0.28125, 0.21875),
      error: (0.0625, 0.03125, 0.09375))
    alone.identityGap = LogDistribution(
      n: 63, logs: Moments(n: 60, mean: -3, m2: 1.5)!, p50: 0.0625, p90: 0.125, p99: 0.1875,
      max: 0.25)
    let together = ablation(
      [0, 1], after: 201, mean: -0.5, m2: 0.75, bounds: (-0.625, -0.375), halves: (-0.5, -0.5),
      error: (0, -0.015625, 0.015625))
    var infinite = Ablation(
      ordinals: [1], wallTime: 1.75e9 + 1, lossChanges: Moments(n: 60, mean: 3, m2: 12)!)
    infinite.nonFinite = 4
    let nothing = ablation(
      [1], after: 400, n: 2, mean: 0, m2: 0, bounds: (0, 0), halves: (0, 0), error: (0, 0, 0))
    return [
      .ablation(both, alone), .ablation(both, together),
      .ablation(
        examination(0x50, step: 0, planned: 1, loss: 2.25, error: nil, confidence: 0.9), infinite),
      .ablation(
        examination(0x60, step: 199, samples: 2, planned: 1, loss: 0, error: 0), nothing),
    ]
  }()
}
