import DigitsTrainer
import Testing

/// Back-propagation against central differences of the loss, in Double.
///
/// The step is 1e-6, so that rounding leaves 1e-10 and curvature less; the bound is 1e-6 of the
/// tensor's greatest gradient, and 1e-9 where that is zero. A held block has h = x, so that exact zeros
/// of a stream stand on the kink of its ReLU, where a loss has no gradient: they are passed over there,
/// as are the frozen γ = β = 0, which move h off all those kinks at once.
@Suite struct GradientTests {
  private static let samples = 8
  private static let step = 1e-6

  static let shapes = [
    NetworkShape(blocks: 3, width: 8),
    NetworkShape(blocks: 3, connection: .plain, width: 8),
    NetworkShape(blocks: 3, width: 8, held: [1]),
    NetworkShape(blocks: 0, width: 8),
  ]

  /// A network away from its initial γ = 1 and β = 0, after one forward and backward pass.
  private func network(_ shape: NetworkShape) -> Network<Double> {
    let network = Network<Double>(shape, seed: 5, largestBatch: Self.samples)
    var generator = SplitMix64(seed: 6)
    for parameter in network.parameters where parameter.treatment == .undecayed {
      let used = parameter.name == "head.bias" ? 10 : parameter.values.count
      for place in 0..<used { parameter.values[place] += 0.3 * generator.normal() }
    }
    network.load(Digits.all, at: Array(100..<100 + Self.samples)[...])
    network.forward(samples: Self.samples, mode: .training)
    _ = network.score(samples: Self.samples)
    network.backward(samples: Self.samples)
    return network
  }

  private func loss(_ network: Network<Double>, fromBlock start: Int? = nil) -> Double {
    if let start {
      network.forward(fromBlock: start, samples: Self.samples, mode: .training)
    } else {
      network.forward(samples: Self.samples, mode: .training)
    }
    return network.score(samples: Self.samples).lossSum / Double(Self.samples)
  }

  /// The greatest difference between a gradient and the central differences of `loss`, in units of
  /// the bound.
  private func excess(
    of gradient: [Double], at values: Buffer<Double>, passingZeros: Bool = false,
    loss: () -> Double
  ) -> Double {
    let bound = 1e-6 * (gradient.map(abs).max() ?? 0) + 1e-9
    var worst = 0.0
    for (place, expected) in gradient.enumerated() where !passingZeros || values[place] != 0 {
      let kept = values[place]
      values[place] = kept + Self.step
      let above = loss()
      values[place] = kept - Self.step
      let below = loss()
      values[place] = kept
      worst = max(worst, abs((above - below) / (2 * Self.step) - expected) / bound)
    }
    return worst
  }

  @Test(arguments: shapes)
  func `the gradient of each parameter tensor is that of the loss`(shape: NetworkShape) {
    let network = network(shape)
    for parameter in network.parameters where parameter.treatment != .frozen {
      let gradient = Array(parameter.gradient.view)
      let excess = excess(of: gradient, at: parameter.values) { loss(network) }
      #expect(excess < 1, "\(parameter.name)")
    }
  }

  @Test(arguments: shapes)
  func `the gradients of x, h and y of each block are those of the loss`(shape: NetworkShape) {
    let network = network(shape)
    let kinked = !shape.held.isEmpty
    for (block, view) in zip(network.blocks, network.views(samples: Self.samples)) {
      let (x, h, y) = (
        Array(view.streamGradient), Array(view.sumGradient), Array(view.outputGradient)
      )
      _ = loss(network)
      let next = view.ordinal + 1
      let ofY = excess(of: y, at: block.output, passingZeros: kinked) {
        loss(network, fromBlock: next)
      }
      #expect(ofY < 1, "y of block \(view.ordinal)")
      let ofH = excess(of: h, at: block.sum, passingZeros: kinked) {
        block.activate(samples: Self.samples)
        return loss(network, fromBlock: next)
      }
      #expect(ofH < 1, "h of block \(view.ordinal)")
      let ofX = excess(of: x, at: block.stream, passingZeros: kinked) {
        loss(network, fromBlock: view.ordinal)
      }
      #expect(ofX < 1, "x of block \(view.ordinal)")
    }
  }

  @Test func `the gradients in Float are those in Double to five digits`() {
    let shape = NetworkShape(blocks: 8)
    let (single, double) = (Network<Float>(shape, seed: 2), Network<Double>(shape, seed: 2))
    let places = Array(0..<64)[...]
    single.load(Digits.all, at: places)
    double.load(Digits.all, at: places)
    single.forward(samples: 64, mode: .training)
    double.forward(samples: 64, mode: .training)
    let scores = (single.score(samples: 64), double.score(samples: 64))
    #expect(abs(scores.0.lossSum - scores.1.lossSum) < 1e-5 * scores.1.lossSum)
    single.backward(samples: 64)
    double.backward(samples: 64)
    for (lower, higher) in zip(single.parameters, double.parameters) {
      var (error, square) = (0.0, 0.0)
      for (f, d) in zip(lower.gradient.view, higher.gradient.view) {
        error += (Double(f) - d) * (Double(f) - d)
        square += d * d
      }
      #expect(error.squareRoot() <= 1e-5 * square.squareRoot(), "\(lower.name)")
    }
  }
}
