public import ProbeCore

/// What one micro-batch left at one block, lent to the recorder for one call.
///
/// Every buffer is row-major float32: `samples` rows of one width. With stochastic depth the rows
/// are the survivors' and ``dropped`` counts the others.
///
/// Edges: a micro-batch of no surviving samples is welcome (`samples` = 0). Arrays are not copied;
/// a buffer pointer must stay valid until ``Recorder/measure(block:_:)`` returns.
public struct BlockTensors {
  /// The number of samples in the buffers.
  public var samples: Int
  /// The elements of one sample of the branch, the shortcut and their gradient.
  public var width: Int
  /// The elements of one sample of the stream; `width` except for projections and dense blocks.
  public var streamWidth: Int
  /// The activation after the add; nil: the block's own.
  public var activation: Block.Activation?
  /// The samples of this micro-batch whose branch stochastic depth dropped; not in the buffers.
  public var dropped: Int
  /// The factor that the loss was multiplied by before it was back-propagated.
  public var lossScale: Double

  package var stream: FloatBuffer
  package var branch: FloatBuffer?
  package var output: FloatBuffer?
  package var shortcut: FloatBuffer?
  package var outputGradient: FloatBuffer?
  package var streamGradient: FloatBuffer?

  /// The tensors of a residual or a dense block.
  ///
  /// Shapes: branch, shortcut and outputGradient samples × width; stream and streamGradient samples
  /// × streamWidth.
  ///
  /// - Parameters:
  ///   - stream: x, the input of the block; of a dense block the reused maps.
  ///   - branch: F as added: after the last norm, gate or scale, before the stochastic-depth mask;
  ///     of a dense block the new maps.
  ///   - samples: The rows of every buffer.
  ///   - width: The elements of one sample of the branch.
  ///   - streamWidth: The elements of one sample of the stream; nil: `width`.
  ///   - activation: What follows the add; nil: the block's own activation.
  ///   - shortcut: s(x) of a projection.
  ///   - outputGradient: g = ∂ℓ/∂h at h = s(x) + F, before the activation; of a dense block at the
  ///     new maps. ℓ is the mean loss over the whole micro-batch, dropped samples included.
  ///   - streamGradient: ∂ℓ/∂x, all of it: through shortcut and branch.
  ///   - dropped: The samples whose branch stochastic depth dropped; not in the buffers.
  ///   - lossScale: What the loss was multiplied by before it was back-propagated.
  public init(
    stream: [Float], branch: [Float], samples: Int, width: Int, streamWidth: Int? = nil,
    activation: Block.Activation? = nil, shortcut: [Float]? = nil, outputGradient: [Float]? = nil,
    streamGradient: [Float]? = nil, dropped: Int = 0, lossScale: Double = 1
  ) {
    self.init(
      stream: .array(stream), samples: samples, width: width, streamWidth: streamWidth,
      activation: activation, outputGradient: outputGradient.map(FloatBuffer.array),
      streamGradient: streamGradient.map(FloatBuffer.array), dropped: dropped, lossScale: lossScale)
    self.branch = .array(branch)
    self.shortcut = shortcut.map(FloatBuffer.array)
  }

  /// The tensors of a residual or a dense block, as pointers that stay valid for the call.
  public init(
    stream: UnsafeBufferPointer<Float>, branch: UnsafeBufferPointer<Float>, samples: Int,
    width: Int, streamWidth: Int? = nil, activation: Block.Activation? = nil,
    shortcut: UnsafeBufferPointer<Float>? = nil, outputGradient: UnsafeBufferPointer<Float>? = nil,
    streamGradient: UnsafeBufferPointer<Float>? = nil, dropped: Int = 0, lossScale: Double = 1
  ) {
    self.init(
      stream: .pointer(stream), samples: samples, width: width, streamWidth: streamWidth,
      activation: activation, outputGradient: outputGradient.map(FloatBuffer.pointer),
      streamGradient: streamGradient.map(FloatBuffer.pointer), dropped: dropped,
      lossScale: lossScale)
    self.branch = .pointer(branch)
    self.shortcut = shortcut.map(FloatBuffer.pointer)
  }

  /// The tensors of a plain block, which has no shortcut: F := y − x.
  ///
  /// Shapes: every buffer samples × width.
  ///
  /// - Parameters:
  ///   - stream: x, the input of the block.
  ///   - output: y, its output after its activation.
  ///   - samples: The rows of every buffer.
  ///   - width: The elements of one sample.
  ///   - outputGradient: g = ∂ℓ/∂y, of the mean loss over the whole micro-batch.
  ///   - streamGradient: ∂ℓ/∂x.
  ///   - dropped: The samples of the micro-batch that are not in the buffers.
  ///   - lossScale: What the loss was multiplied by before it was back-propagated.
  public init(
    stream: [Float], output: [Float], samples: Int, width: Int, outputGradient: [Float]? = nil,
    streamGradient: [Float]? = nil, dropped: Int = 0, lossScale: Double = 1
  ) {
    self.init(
      stream: .array(stream), samples: samples, width: width, streamWidth: nil, activation: nil,
      outputGradient: outputGradient.map(FloatBuffer.array),
      streamGradient: streamGradient.map(FloatBuffer.array), dropped: dropped, lossScale: lossScale)
    self.output = .array(output)
  }

  /// The tensors of a plain block, as pointers that stay valid for the call.
  public init(
    stream: UnsafeBufferPointer<Float>, output: UnsafeBufferPointer<Float>, samples: Int,
    width: Int, outputGradient: UnsafeBufferPointer<Float>? = nil,
    streamGradient: UnsafeBufferPointer<Float>? = nil, dropped: Int = 0, lossScale: Double = 1
  ) {
    self.init(
      stream: .pointer(stream), samples: samples, width: width, streamWidth: nil, activation: nil,
      outputGradient: outputGradient.map(FloatBuffer.pointer),
      streamGradient: streamGradient.map(FloatBuffer.pointer), dropped: dropped,
      lossScale: lossScale)
    self.output = .pointer(output)
  }

  private init(
    stream: FloatBuffer, samples: Int, width: Int, streamWidth: Int?,
    activation: Block.Activation?, outputGradient: FloatBuffer?, streamGradient: FloatBuffer?,
    dropped: Int, lossScale: Double
  ) {
    self.samples = samples
    self.width = width
    self.streamWidth = streamWidth ?? width
    self.activation = activation
    self.dropped = dropped
    self.lossScale = lossScale
    self.stream = stream
    self.outputGradient = outputGradient
    self.streamGradient = streamGradient
  }
}
