/// Which statistics a batch normalisation uses.
package enum NormMode: Sendable {
  /// Those of the batch; running statistics follow them.
  case training
  /// The running ones.
  case evaluation
}

/// Batch normalisation: γ·(z − μ)/√(σ² + ε) + β, column by column.
///
/// Source: Ioffe and Szegedy 2015, algorithm 1 and section 3 for the gradients. ε = 1e-5; running
/// statistics move by a tenth towards those of each batch, with the unbiased variance, as in PyTorch.
package struct BatchNorm<Scalar: TrainingScalar> {
  private typealias Lanes = SIMD8<Scalar>

  /// ε.
  package static var epsilon: Double { 1e-5 }
  /// The weight of a new batch in the running statistics.
  package static var runningShare: Double { 0.1 }

  /// The number of columns, a multiple of 8.
  package let width: Int
  /// γ, one at first.
  ///
  /// Shape: width.
  package let gamma: Parameter<Scalar>
  /// β, zero at first.
  ///
  /// Shape: width.
  package let beta: Parameter<Scalar>
  /// The running mean.
  ///
  /// Shape: width.
  package let runningMean: Buffer<Scalar>
  /// The running variance, unbiased.
  ///
  /// Shape: width.
  package let runningVariance: Buffer<Scalar>
  private let normalised: Buffer<Scalar>
  private let inverseDeviation: Buffer<Scalar>

  /// A normalisation of at most `capacity` samples; held, it maps everything to zero for good.
  package init(name: String, width: Int, capacity: Int, held: Bool = false) {
    self.width = width
    gamma = Parameter(name: name + ".gamma", count: width, treatment: held ? .frozen : .undecayed)
    beta = Parameter(name: name + ".beta", count: width, treatment: held ? .frozen : .undecayed)
    runningMean = Buffer(count: width)
    runningVariance = Buffer(count: width)
    normalised = Buffer(count: capacity * width)
    inverseDeviation = Buffer(count: width)
    if !held { gamma.fill(1) }
    for column in 0..<width { runningVariance[column] = 1 }
  }

  /// Normalises a batch.
  ///
  /// Shape: z and out samples × width; `out` may be `z`.
  package func forward(
    _ z: Buffer<Scalar>, into out: Buffer<Scalar>, samples: Int, mode: NormMode
  ) {
    let panels = width / 8
    for panel in 0..<panels {
      let (mean, variance) =
        switch mode {
        case .training: batchStatistics(z, panel: panel, samples: samples)
        case .evaluation: (runningMean[lanes: panel], runningVariance[lanes: panel])
        }
      let inverse = 1 / (variance + Scalar(Self.epsilon)).squareRoot()
      inverseDeviation[lanes: panel] = inverse
      let (scale, shift) = (gamma.values[lanes: panel], beta.values[lanes: panel])
      for row in 0..<samples {
        let place = row &* panels &+ panel
        let value = (z[lanes: place] - mean) * inverse
        normalised[lanes: place] = value
        out[lanes: place] = scale * value + shift
      }
    }
  }

  /// Mean and biased variance of eight columns; the running ones follow.
  private func batchStatistics(
    _ z: Buffer<Scalar>, panel: Int, samples: Int
  ) -> (mean: SIMD8<Scalar>, variance: SIMD8<Scalar>) {
    let panels = width / 8
    var mean = Lanes()
    for row in 0..<samples { mean += z[lanes: row &* panels &+ panel] }
    mean /= Scalar(samples)
    var squares = Lanes()
    for row in 0..<samples {
      let deviation = z[lanes: row &* panels &+ panel] - mean
      squares += deviation * deviation
    }
    let share = Scalar(Self.runningShare)
    let unbiased = squares / Scalar(max(1, samples - 1))
    runningMean[lanes: panel] += (mean - runningMean[lanes: panel]) * share
    runningVariance[lanes: panel] += (unbiased - runningVariance[lanes: panel]) * share
    return (mean, squares / Scalar(samples))
  }

  /// ∂ℓ/∂γ, ∂ℓ/∂β and ∂ℓ/∂z of the last forward pass, which must have been a training one.
  ///
  /// Shape: g = ∂ℓ/∂out and ∂ℓ/∂z samples × width; `zGradient` may be `g`.
  package func backward(
    gradient g: Buffer<Scalar>, into zGradient: Buffer<Scalar>, samples: Int
  ) {
    let panels = width / 8
    for panel in 0..<panels {
      var (sum, product) = (Lanes(), Lanes())
      for row in 0..<samples {
        let place = row &* panels &+ panel
        sum += g[lanes: place]
        product += g[lanes: place] * normalised[lanes: place]
      }
      beta.gradient[lanes: panel] = sum
      gamma.gradient[lanes: panel] = product
      let scale = gamma.values[lanes: panel] * inverseDeviation[lanes: panel]
      sum /= Scalar(samples)
      product /= Scalar(samples)
      for row in 0..<samples {
        let place = row &* panels &+ panel
        zGradient[lanes: place] =
          scale * (g[lanes: place] - sum - normalised[lanes: place] * product)
      }
    }
  }
}
