internal import ProbeCore

/// The tensors of one micro-batch with their pointers at hand and their shapes checked.
struct OpenTensors {
  let samples: Int
  let width: Int
  let streamWidth: Int
  let dropped: Int
  let activation: Block.Activation
  /// What turns g into the gradient of a sample's own loss: n/loss scale; nil: leave gradients out.
  let gradientFactor: Double?

  private let buffers: [UnsafeBufferPointer<Float>?]

  /// Lends the checked tensors of a block to `body`.
  static func lend(
    _ tensors: BlockTensors, at block: Block, _ body: (OpenTensors) -> Void
  ) {
    let buffers = [
      tensors.stream, tensors.branch, tensors.output, tensors.shortcut, tensors.outputGradient,
      tensors.streamGradient,
    ]
    FloatBuffer.withValues(buffers) { body(OpenTensors(tensors, block: block, buffers: $0)) }
  }

  private init(_ tensors: BlockTensors, block: Block, buffers: [UnsafeBufferPointer<Float>?]) {
    samples = tensors.samples
    width = tensors.width
    streamWidth = tensors.streamWidth
    dropped = tensors.dropped
    activation = tensors.activation ?? block.activation
    let scale = tensors.lossScale
    let rows = Double(tensors.samples) + Double(tensors.dropped)
    gradientFactor = scale.isFinite && scale > 0 ? rows / scale : nil
    self.buffers = buffers
  }

  private func row(_ buffer: Int, _ sample: Int, width: Int) -> UnsafePointer<Float>? {
    buffers[buffer]?.baseAddress.map { $0 + sample * width }
  }

  /// x of one sample.
  func stream(_ sample: Int) -> UnsafePointer<Float>? { row(0, sample, width: streamWidth) }
  /// F of one sample, where it is a buffer.
  func branch(_ sample: Int) -> UnsafePointer<Float>? { row(1, sample, width: width) }
  /// y of one sample of a plain block.
  func output(_ sample: Int) -> UnsafePointer<Float>? { row(2, sample, width: width) }
  /// s(x) of one sample of a projection.
  func shortcut(_ sample: Int) -> UnsafePointer<Float>? { row(3, sample, width: width) }
  /// g of one sample, where given.
  func gradient(_ sample: Int) -> UnsafePointer<Float>? { row(4, sample, width: width) }
  /// ∂ℓ/∂x of one sample, where given.
  func streamGradient(_ sample: Int) -> UnsafePointer<Float>? {
    row(5, sample, width: streamWidth)
  }
}
