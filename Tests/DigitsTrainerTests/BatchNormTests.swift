import DigitsTrainer
import Testing

@Suite struct BatchNormTests {
  /// Four samples 1, 2, 3, 4 in each column, times the column's number from 1.
  private func ramp() -> Buffer<Double> {
    let buffer = Buffer<Double>(count: 32)
    for row in 0..<4 {
      for column in 0..<8 { buffer[row * 8 + column] = Double((row + 1) * (column + 1)) }
    }
    return buffer
  }

  @Test func `a batch is normalised by its own mean and biased variance`() {
    let norm = BatchNorm<Double>(name: "norm", width: 8, capacity: 4)
    for column in 0..<8 {
      norm.gamma.values[column] = 2
      norm.beta.values[column] = 0.5
    }
    let out = Buffer<Double>(count: 32)
    norm.forward(ramp(), into: out, samples: 4, mode: .training)
    for row in 0..<4 {
      for column in 0..<8 {
        let scale = Double(column + 1)
        let deviation = (1.25 * scale * scale + 1e-5).squareRoot()
        let expected = 2 * (Double(row + 1) - 2.5) * scale / deviation + 0.5
        #expect(abs(out[row * 8 + column] - expected) < 1e-12)
      }
    }
  }

  @Test func `running statistics move by a tenth and rule in eval mode`() {
    let norm = BatchNorm<Double>(name: "norm", width: 8, capacity: 4)
    let out = Buffer<Double>(count: 32)
    norm.forward(ramp(), into: out, samples: 4, mode: .training)
    #expect(abs(norm.runningMean[0] - 0.25) < 1e-15)
    #expect(abs(norm.runningVariance[0] - (0.9 + 0.1 * 5 / 3)) < 1e-15)
    norm.forward(ramp(), into: out, samples: 3, mode: .evaluation)
    let expected = (3 - 0.25) / (0.9 + 0.1 * 5 / 3 + 1e-5).squareRoot()
    #expect(abs(out[16] - expected) < 1e-12)
    #expect(norm.runningMean[0] == 0.25)
  }

  /// Moving z changes nothing, and stretching it only as far as ε does not stretch with it:
  /// Σ ∂ℓ/∂z·n = Σ g·n · ε/(σ² + ε)^(3/2) for the normalised z n and γ = 1.
  @Test func `the gradient of z has no part along 1, and along the normalised z that of epsilon`() {
    var generator = SplitMix64(seed: 4)
    let norm = BatchNorm<Double>(name: "norm", width: 8, capacity: 6)
    let (z, out) = (Buffer<Double>(count: 48), Buffer<Double>(count: 48))
    let (g, zGradient) = (Buffer<Double>(count: 48), Buffer<Double>(count: 48))
    for place in 0..<48 {
      z[place] = generator.normal()
      g[place] = generator.normal()
    }
    norm.forward(z, into: out, samples: 6, mode: .training)
    norm.backward(gradient: g, into: zGradient, samples: 6)
    for column in 0..<8 {
      let places = stride(from: column, to: 48, by: 8)
      #expect(abs(places.reduce(0) { $0 + zGradient[$1] }) < 1e-12)
      let mean = places.reduce(0) { $0 + z[$1] } / 6
      let variance = places.reduce(0) { $0 + (z[$1] - mean) * (z[$1] - mean) } / 6
      let sum = places.reduce(0) { $0 + g[$1] }
      let product = places.reduce(0) { $0 + g[$1] * out[$1] }
      let along = places.reduce(0) { $0 + zGradient[$1] * out[$1] }
      let deviation = (variance + 1e-5).squareRoot()
      #expect(abs(along - product * 1e-5 / (deviation * deviation * deviation)) < 1e-12)
      #expect(abs(norm.beta.gradient[column] - sum) < 1e-12)
      #expect(abs(norm.gamma.gradient[column] - product) < 1e-12)
    }
  }

  @Test func `a held normalisation gives exactly zero`() {
    let norm = BatchNorm<Float>(name: "norm", width: 8, capacity: 4, held: true)
    let (z, out) = (Buffer<Float>(count: 32), Buffer<Float>(count: 32))
    for place in 0..<32 { z[place] = Float(place * place) - 100 }
    norm.forward(z, into: out, samples: 4, mode: .training)
    #expect(out.view.allSatisfy { $0 == 0 })
    norm.forward(z, into: out, samples: 4, mode: .evaluation)
    #expect(out.view.allSatisfy { $0 == 0 })
  }
}
