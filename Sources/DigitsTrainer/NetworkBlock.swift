/// One block of a network: its parameters, and what its last forward and backward pass left.
package final class NetworkBlock<Scalar: TrainingScalar> {
  /// The place in the network, counted from 0.
  let ordinal: Int
  /// Whether x is added to F.
  let connection: NetworkShape.Connection
  private let first: Linear<Scalar>
  private let firstNorm: BatchNorm<Scalar>
  private let second: Linear<Scalar>
  private let lastNorm: BatchNorm<Scalar>
  /// x: the output of what stands before the block.
  package let stream: Buffer<Scalar>
  private let hidden: Buffer<Scalar>
  private let branch: Buffer<Scalar>
  /// h; the branch itself in a plain block.
  package let sum: Buffer<Scalar>
  /// y.
  package let output: Buffer<Scalar>
  /// ∂ℓ/∂x.
  let streamGradient: Buffer<Scalar>
  /// ∂ℓ/∂h.
  let sumGradient: Buffer<Scalar>
  private let width: Int

  /// A block that reads its stream where the block before left it.
  init(
    ordinal: Int, shape: NetworkShape, stream: Buffer<Scalar>, capacity: Int,
    generator: inout SplitMix64
  ) {
    self.ordinal = ordinal
    self.stream = stream
    connection = shape.connection
    width = shape.width
    let name = NetworkShape.name(ofBlock: ordinal)
    first = Linear(
      name: name + ".first", inputs: width, outputs: width, generator: &generator)
    firstNorm = BatchNorm(name: name + ".first_norm", width: width, capacity: capacity)
    second = Linear(
      name: name + ".second", inputs: width, outputs: width, generator: &generator)
    lastNorm = BatchNorm(
      name: name + ".last_norm", width: width, capacity: capacity,
      held: shape.held.contains(ordinal))
    let size = capacity * width
    hidden = Buffer(count: size)
    branch = Buffer(count: size)
    sum = connection == .residual ? Buffer(count: size) : branch
    output = Buffer(count: size)
    streamGradient = Buffer(count: size)
    sumGradient = Buffer(count: size)
  }

  /// W, γ, β, W, γ, β.
  var parameters: [Parameter<Scalar>] {
    first.parameters + [firstNorm.gamma, firstNorm.beta]
      + second.parameters + [lastNorm.gamma, lastNorm.beta]
  }

  /// x → F → h → y.
  func forward(samples: Int, mode: NormMode, scratch: Scratch<Scalar>) {
    first.forward(stream, into: scratch.one, samples: samples)
    firstNorm.forward(scratch.one, into: hidden, samples: samples, mode: mode)
    Elementwise.rectify(hidden, into: hidden, count: samples * width)
    second.forward(hidden, into: scratch.one, samples: samples)
    lastNorm.forward(scratch.one, into: branch, samples: samples, mode: mode)
    if connection == .residual {
      Elementwise.add(stream, branch, into: sum, count: samples * width)
    }
    activate(samples: samples)
  }

  /// x → y of a block that is removed: F = 0, or the identity in the place of a plain block.
  ///
  /// x is what a ReLU gave, so that y = relu(x + 0) is x either way.
  func pass(samples: Int) {
    Elementwise.rectify(stream, into: output, count: samples * width)
  }

  /// h → y.
  package func activate(samples: Int) {
    Elementwise.rectify(sum, into: output, count: samples * width)
  }

  /// ∂ℓ/∂y → ∂ℓ/∂h → ∂ℓ/∂x, and the gradients of the parameters on the way.
  func backward(
    outputGradient: Buffer<Scalar>, samples: Int, scratch: Scratch<Scalar>
  ) {
    let count = samples * width
    Elementwise.rectifyBackward(outputGradient, output: output, into: sumGradient, count: count)
    lastNorm.backward(gradient: sumGradient, into: scratch.one, samples: samples)
    second.backward(hidden, gradient: scratch.one, into: scratch.two, samples: samples)
    Elementwise.rectifyBackward(scratch.two, output: hidden, into: scratch.two, count: count)
    firstNorm.backward(gradient: scratch.two, into: scratch.two, samples: samples)
    first.backward(stream, gradient: scratch.two, into: streamGradient, samples: samples)
    if connection == .residual {
      Elementwise.add(streamGradient, sumGradient, into: streamGradient, count: count)
    }
  }

  /// What the last step left, to be read.
  func view(samples: Int, outputGradient: Buffer<Scalar>) -> BlockView<Scalar> {
    let size = samples * width
    return BlockView(
      ordinal: ordinal, connection: connection, samples: samples, width: width,
      stream: stream.view(size), branch: branch.view(size), sum: sum.view(size),
      output: output.view(size),
      streamGradient: streamGradient.view(size), sumGradient: sumGradient.view(size),
      outputGradient: outputGradient.view(size), parameters: parameters.map(\.view),
      lastGamma: lastNorm.gamma.view, lastBeta: lastNorm.beta.view)
  }
}

/// Room for what nobody reads afterwards, shared by all layers of a network.
struct Scratch<Scalar: TrainingScalar> {
  /// Room for samples × width.
  let one: Buffer<Scalar>
  /// Room for samples × width.
  let two: Buffer<Scalar>

  /// Room for a batch.
  init(count: Int) {
    one = Buffer(count: count)
    two = Buffer(count: count)
  }
}
