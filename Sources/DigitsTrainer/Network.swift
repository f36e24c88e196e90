/// A network of blocks that reads handwritten digits, with all its buffers.
///
/// Not thread-safe, and not sendable: whoever trains it holds it.
public final class Network<Scalar: TrainingScalar> {
  /// What it looks like.
  public let shape: NetworkShape
  /// The most samples that pass through at once.
  public let largestBatch: Int
  /// The blocks in order.
  package let blocks: [NetworkBlock<Scalar>]
  /// The pixels of the batch at hand, 0 … 1.
  ///
  /// Shape: samples × 64.
  package let input: Buffer<Scalar>
  /// The labels of the batch at hand.
  ///
  /// Shape: samples.
  private var labels: [UInt8]
  private let stem: Linear<Scalar>
  private let stemNorm: BatchNorm<Scalar>
  private let stemOutput: Buffer<Scalar>
  private let head: Linear<Scalar>
  private let logits: Buffer<Scalar>
  private let logitsGradient: Buffer<Scalar>
  private let headGradient: Buffer<Scalar>
  private let scratch: Scratch<Scalar>

  /// A network with He initialisation: the same shape and seed give the same weights.
  public init(_ shape: NetworkShape, seed: UInt64, largestBatch: Int = 64) {
    precondition(largestBatch > 0, "a batch holds at least one sample")
    self.shape = shape
    self.largestBatch = largestBatch
    let width = shape.width
    let size = largestBatch * width
    var generator = SplitMix64(seed: seed)
    input = Buffer(count: largestBatch * Digits.pixelCount)
    labels = Array(repeating: 0, count: largestBatch)
    scratch = Scratch(count: size)
    stem = Linear(
      name: "stem", inputs: Digits.pixelCount, outputs: width, generator: &generator)
    stemNorm = BatchNorm(name: "stem_norm", width: width, capacity: largestBatch)
    stemOutput = Buffer(count: size)
    var stream = stemOutput
    var blocks: [NetworkBlock<Scalar>] = []
    for ordinal in 0..<shape.blockCount {
      let block = NetworkBlock(
        ordinal: ordinal, shape: shape, stream: stream, capacity: largestBatch,
        generator: &generator)
      stream = block.output
      blocks.append(block)
    }
    self.blocks = blocks
    let columns = SoftmaxCrossEntropy<Scalar>.columns
    head = Linear(
      name: "head", inputs: width, outputs: columns, used: Digits.classCount, bias: true,
      generator: &generator)
    logits = Buffer(count: largestBatch * columns)
    logitsGradient = Buffer(count: largestBatch * columns)
    headGradient = Buffer(count: size)
  }

  /// All parameters, in the order of the forward pass.
  package var parameters: [Parameter<Scalar>] {
    stem.parameters + [stemNorm.gamma, stemNorm.beta] + blocks.flatMap(\.parameters)
      + head.parameters
  }

  /// The output of the last block, which the head reads.
  private var lastOutput: Buffer<Scalar> { blocks.last?.output ?? stemOutput }

  /// Makes these samples the batch at hand; at most ``largestBatch``.
  ///
  /// Pixels become 0 … 1.
  package func load(_ digits: Digits, at places: ArraySlice<Int>) {
    precondition(places.count <= largestBatch, "more samples than the network has room for")
    for (row, place) in places.enumerated() {
      labels[row] = digits.labels[place]
      for pixel in 0..<Digits.pixelCount {
        let value = digits.pixels[place &* Digits.pixelCount &+ pixel]
        input.base[row &* Digits.pixelCount &+ pixel] = Scalar(value) / Scalar(Digits.whitest)
      }
    }
  }

  /// Pixels → logits; removed blocks pass their streams on.
  package func forward(samples: Int, mode: NormMode, removing removed: Set<Int> = []) {
    stem.forward(input, into: scratch.one, samples: samples)
    stemNorm.forward(scratch.one, into: stemOutput, samples: samples, mode: mode)
    Elementwise.rectify(stemOutput, into: stemOutput, count: samples * shape.width)
    forward(fromBlock: 0, samples: samples, mode: mode, removing: removed)
  }

  /// The stream that a block finds → logits; removed blocks pass their streams on.
  package func forward(
    fromBlock start: Int, samples: Int, mode: NormMode, removing removed: Set<Int> = []
  ) {
    for block in blocks[start...] {
      if removed.contains(block.ordinal) {
        block.pass(samples: samples)
      } else {
        block.forward(samples: samples, mode: mode, scratch: scratch)
      }
    }
    head.forward(lastOutput, into: logits, samples: samples)
  }

  /// Logits → the batch's loss, with ∂ℓ/∂logits kept for the backward pass.
  package func score(samples: Int) -> SoftmaxCrossEntropy<Scalar>.Score {
    SoftmaxCrossEntropy.score(
      logits, labels: labels, gradient: logitsGradient, samples: samples)
  }

  /// ∂ℓ/∂logits → the gradients of everything; the forward pass must have been a training one.
  package func backward(samples: Int) {
    head.backward(lastOutput, gradient: logitsGradient, into: headGradient, samples: samples)
    for block in blocks.reversed() {
      block.backward(
        outputGradient: outputGradient(ofBlock: block.ordinal), samples: samples, scratch: scratch)
    }
    Elementwise.rectifyBackward(
      outputGradient(ofBlock: -1), output: stemOutput, into: scratch.one,
      count: samples * shape.width)
    stemNorm.backward(gradient: scratch.one, into: scratch.one, samples: samples)
    stem.backward(input, gradient: scratch.one, into: nil, samples: samples)
  }

  /// ∂ℓ/∂y of a block, or of the stem at −1: what the next block, or the head, passes back.
  private func outputGradient(ofBlock ordinal: Int) -> Buffer<Scalar> {
    ordinal + 1 < blocks.count ? blocks[ordinal + 1].streamGradient : headGradient
  }

  /// What the last step left in each block, to be read.
  package func views(samples: Int) -> [BlockView<Scalar>] {
    blocks.map {
      $0.view(samples: samples, outputGradient: outputGradient(ofBlock: $0.ordinal))
    }
  }
}
