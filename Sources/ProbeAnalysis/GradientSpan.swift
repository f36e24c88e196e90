public import ProbeCore

/// The gradient at the two ends of a network's depth, at one record: how much it grows or shrinks on its
/// way back through the blocks.
///
/// ‖g‖ is `output_grad_norm`, the mean over samples. With 50 and more blocks a plain network with batch
/// norm makes it grow by orders of magnitude; shortcuts keep it within a few factors.
public struct GradientSpan: Sendable, Hashable {
  /// The step of the record.
  public let step: Int
  /// ‖g‖ at the first block that has one.
  public let first: Double
  /// ‖g‖ at the last block that has one.
  public let last: Double

  /// Above this ratio of first to last the gradient explodes, below its inverse it vanishes.
  public static let limit = GradientProfile.limit
  /// Above this ratio no loss is laid to depth alone: so steep a network hardly trains at all.
  ///
  /// Convolutional networks of 56 layers lay at 2,000 and trained, worse than shallow ones; those that
  /// did not train lay at 18,000 and above.
  public static let hopelessLimit = 1e4

  /// Looks at a run's blocks in network order, at the record that `record` picks; nil where fewer than
  /// two blocks have a gradient there.
  init?(_ blocks: [BlockHistory], _ record: (BlockHistory) -> BlockRecord?) {
    let found = blocks.compactMap { block -> (step: Int, norm: Double)? in
      guard let record = record(block) else { return nil }
      let moments = record.statistics.outputGradNorm
      return moments.n > 0 && moments.mean.isFinite ? (record.step, moments.mean) : nil
    }
    guard found.count >= 2, let first = found.first, let last = found.last else { return nil }
    step = last.step
    self.first = first.norm
    self.last = last.norm
  }

  /// First over last; nil where no gradient reached the last block.
  public var ratio: Double? { last > 0 ? first / last : nil }

  /// Whether the gradient grows by more than ``limit`` on its way back.
  public var explodes: Bool { last > 0 && first > Self.limit * last }

  /// Whether it grows by more than ``hopelessLimit``.
  public var isHopeless: Bool { last > 0 && first > Self.hopelessLimit * last }

  /// Whether less than 1/``limit`` of it, or nothing, is left at the first block.
  public var vanishes: Bool { first * Self.limit < last || (first == 0 && last == 0) }
}
