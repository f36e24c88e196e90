/// A tensor of parameters as it is right now, to be read.
public struct ParameterView<Scalar> {
  /// The path in the network: `blocks.3.second.weight`.
  public let name: String
  /// Whether the optimizer moves it; not so γ and β of a held block's last BN.
  public let isTrained: Bool
  /// θ, flat.
  public let values: UnsafeBufferPointer<Scalar>
  /// ∂ℓ/∂θ of the step's mean loss, without weight decay.
  ///
  /// Shape: as `values`.
  public let gradient: UnsafeBufferPointer<Scalar>
}

/// What one block did to one batch, to be read while the observer runs.
///
/// The buffers belong to the network: they hold these numbers until the observer's call returns, and
/// others after the next forward pass. ℓ is the mean loss of the batch, so that the gradient of one
/// sample's own loss is `samples` times what stands here. Shape: samples × width, row by row, unless
/// said otherwise.
public struct BlockView<Scalar> {
  /// The place in the network, counted from 0.
  public let ordinal: Int
  /// How the block joins branch and stream.
  public let connection: NetworkShape.Connection
  /// The rows of the batch.
  public let samples: Int
  /// The width of the stream.
  public let width: Int
  /// x.
  public let stream: UnsafeBufferPointer<Scalar>
  /// What the last BN gives, before the add.
  ///
  /// In a plain block this is h; what a recorder takes for the F of a plain block is y − x.
  public let branch: UnsafeBufferPointer<Scalar>
  /// h: x + F in a residual block, F in a plain one.
  public let sum: UnsafeBufferPointer<Scalar>
  /// y = relu(h).
  public let output: UnsafeBufferPointer<Scalar>
  /// ∂ℓ/∂x, through branch and shortcut.
  public let streamGradient: UnsafeBufferPointer<Scalar>
  /// ∂ℓ/∂h, which is ∂ℓ/∂F: zero where the ReLU is shut.
  public let sumGradient: UnsafeBufferPointer<Scalar>
  /// ∂ℓ/∂y.
  public let outputGradient: UnsafeBufferPointer<Scalar>
  /// All parameters of the branch: W, γ, β, W, γ, β in the order of the forward pass.
  public let parameters: [ParameterView<Scalar>]
  /// γ of the last BN.
  ///
  /// Shape: width.
  public let lastGamma: ParameterView<Scalar>
  /// β of the last BN.
  ///
  /// Shape: width.
  public let lastBeta: ParameterView<Scalar>
}
