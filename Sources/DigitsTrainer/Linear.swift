/// z = x·W + b, with a bias only where no normalisation follows that would take it away again.
struct Linear<Scalar: TrainingScalar> {
  /// The width of x.
  let inputs: Int
  /// The width of z, a multiple of 8.
  let outputs: Int
  /// W.
  ///
  /// Shape: inputs × outputs, the transpose of PyTorch's layout.
  let weight: Parameter<Scalar>
  /// b, zero at first; nil where a normalisation follows.
  let bias: Parameter<Scalar>?
  private let transposed: Buffer<Scalar>

  /// A map with normal weights of variance 2/inputs (He 2015, equation 10).
  ///
  /// Only the first `used` outputs get weights; the others stay zero if their gradient does.
  init(
    name: String, inputs: Int, outputs: Int, used: Int? = nil, bias: Bool = false,
    generator: inout SplitMix64
  ) {
    self.inputs = inputs
    self.outputs = outputs
    weight = Parameter(name: name + ".weight", count: inputs * outputs, treatment: .decayed)
    self.bias =
      bias ? Parameter(name: name + ".bias", count: outputs, treatment: .undecayed) : nil
    transposed = Buffer(count: inputs * outputs)
    let deviation = (2 / Double(inputs)).squareRoot()
    for input in 0..<inputs {
      for output in 0..<(used ?? outputs) {
        weight.values[input * outputs + output] = Scalar(deviation * generator.normal())
      }
    }
  }

  /// W and, where there is one, b.
  var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// z = x·W + b.
  ///
  /// Shape: x samples × inputs, z samples × outputs.
  func forward(_ x: Buffer<Scalar>, into z: Buffer<Scalar>, samples: Int) {
    MatrixProduct.multiply(
      x, weight.values, into: z, rows: samples, depth: inputs, columns: outputs)
    guard let bias else { return }
    let panels = outputs / 8
    for row in 0..<samples {
      for panel in 0..<panels { z[lanes: row &* panels &+ panel] += bias.values[lanes: panel] }
    }
  }

  /// ∂ℓ/∂W = xᵀ·g, ∂ℓ/∂b = Σ g and ∂ℓ/∂x = g·Wᵀ, where g = ∂ℓ/∂z.
  ///
  /// Shape: x samples × inputs, g samples × outputs, ∂ℓ/∂x as x; nil where nobody asks for it.
  func backward(
    _ x: Buffer<Scalar>, gradient g: Buffer<Scalar>, into xGradient: Buffer<Scalar>?, samples: Int
  ) {
    MatrixProduct.multiplyTransposed(
      x, g, into: weight.gradient, rows: inputs, depth: samples, columns: outputs)
    if let bias {
      let panels = outputs / 8
      for panel in 0..<panels {
        var sum = SIMD8<Scalar>()
        for row in 0..<samples { sum += g[lanes: row &* panels &+ panel] }
        bias.gradient[lanes: panel] = sum
      }
    }
    guard let xGradient else { return }
    MatrixProduct.transpose(weight.values, into: transposed, rows: inputs, columns: outputs)
    MatrixProduct.multiply(
      g, transposed, into: xGradient, rows: samples, depth: outputs, columns: inputs)
  }
}
