/// A number the user logs at a step.
public struct Metric: Sendable, Hashable {
  /// The user's name for it; not trusted to be printable.
  public var key: String
  /// The value; a non-finite one is kept as it is and becomes NULL in the store.
  public var value: Double

  /// The most bytes of UTF-8 a key may take.
  public static let maximumKeyLength = 256
  /// The most metrics that one record may carry.
  public static let maximumCount = 4096

  /// A metric.
  public init(key: String, value: Double) {
    self.key = key
    self.value = value
  }
}

/// Everything one step leaves behind, on one rank.
public struct Frame: Sendable, Hashable {
  /// The optimizer step, counted from 0; 0 is before any update.
  public var step: Int
  /// When the step ended.
  ///
  /// Unit: seconds since 1970.
  public var wallTime: Double
  /// The training loss, where the user gave it; may be non-finite.
  public var loss: Double?
  /// The learning rate of the first parameter group, where given.
  public var learningRate: Double?
  /// The factor that gradients were scaled by at this step, where a scaler is used.
  public var lossScale: Double?
  /// Whether the scaler skipped the optimizer's update.
  public var skipped = false
  /// What the recorder cost the training loop since the frame before.
  ///
  /// Unit: seconds.
  public var recorderSeconds = 0.0
  /// The frames that the recorder had to drop since the frame before.
  public var droppedFrames = 0
  /// The statistics of the blocks that fired, by ordinal.
  public var blocks: [BlockStatistics] = []
  /// What the user logged for this step.
  public var metrics: [Metric] = []

  /// A frame of a step, still without blocks.
  public init(step: Int, wallTime: Double) {
    self.step = step
    self.wallTime = wallTime
  }
}
