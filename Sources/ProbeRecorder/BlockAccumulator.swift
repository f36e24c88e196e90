package import ProbeCore

/// Pools the micro-batches of one step at one block into its statistics.
///
/// What enters what:
/// - a sample with a value that is not finite in x, s(x), F or y counts as non-finite and enters
///   nothing;
/// - a sample with x = 0 (s(x) = 0 of a projection) counts as undefined and enters nothing that
///   divides by ‖x‖; its sizes, its gradients and whether F = 0 are known and enter;
/// - a sample whose gradients are not finite enters everything but the gradient statistics. It does
///   not count as non-finite, since a loss scaler makes such steps on purpose: the statistic's own
///   n tells.
package struct BlockAccumulator {
  private let block: Block
  private let countsAbsorbed: Bool
  private var statistics: BlockStatistics
  private var gap: LogAccumulator
  private var ratio: LogAccumulator
  private var columns: ColumnMeans
  private var gradients = GradientStatistics()
  private var streamSquares = 0.0
  private var streamElements = 0
  private var branchSquares = 0.0
  private var branchElements = 0
  private var dead = 0
  private var finite = 0
  private var nonzero = 0
  private var swallowed = 0

  /// Nothing yet.
  ///
  /// `seed` decides which values percentiles see once there are more than they hold.
  package init(_ block: Block, limits: MemoryLimits, countsAbsorbed: Bool, seed: UInt64) {
    self.block = block
    self.countsAbsorbed = countsAbsorbed && block.kind == .residual && block.canBeIdentity
    statistics = BlockStatistics(ordinal: block.ordinal)
    gap = LogAccumulator(capacity: limits.values, seed: seed)
    ratio = LogAccumulator(capacity: limits.values, seed: seed)
    columns = ColumnMeans(capacity: limits.columns)
  }

  /// The values that percentiles do not see.
  package var passedOver: Int { gap.passedOver + ratio.passedOver }

  /// Takes in one micro-batch, whose shapes were checked (``BlockTensors/problem(at:)``).
  package mutating func take(_ tensors: BlockTensors) {
    statistics.microBatches += 1
    statistics.samples += tensors.samples + tensors.dropped
    statistics.dropped += tensors.dropped
    OpenTensors.lend(tensors, at: block) { open in
      for sample in 0..<open.samples { take(sample, of: open) }
    }
  }

  private mutating func take(_ sample: Int, of open: OpenTensors) {
    guard let stream = open.stream(sample),
      let other = block.kind == .plain ? open.output(sample) : open.branch(sample)
    else { return }
    let (sums, streamSquare) = sums(sample, stream, other, of: open)
    guard sums.isFinite, streamSquare.isFinite else {
      statistics.nonFinite += 1
      if block.canBeIdentity {
        statistics.identityGapHistogram.count(
          inSlot: GapHistogram.Special.nonFinite.rawValue)
      }
      return
    }
    if block.kind == .concat {
      takeConcat(sums, of: open)
    } else {
      takeSizes(sums, streamSquare: streamSquare, of: open)
      takeGeometry(sums)
      columns.add(other, minus: block.kind == .plain ? stream : nil, width: open.width)
      if countsAbsorbed {
        let count = absorbed(stream: stream, branch: other, width: open.width)
        nonzero += count.nonzero
        swallowed += count.absorbed
      }
    }
    takeGradients(sample, stream, other, of: open)
  }

  /// The sample's sums and ‖x‖², of which a projection's x is not the a.
  private func sums(
    _ sample: Int, _ stream: UnsafePointer<Float>, _ other: UnsafePointer<Float>,
    of open: OpenTensors
  ) -> (SampleSums, Double) {
    switch (block.kind, block.shortcut) {
    case (.plain, _):
      let sums = Change.difference.sums(stream, other, width: open.width)
      return (sums, sums.a)
    case (.concat, _):
      var sums = SampleSums()
      sums.a = squareSum(stream, count: open.streamWidth)
      sums.b = squareSum(other, count: open.width)
      return (sums, sums.a)
    case (.residual, .projection):
      guard let shortcut = open.shortcut(sample) else { return (SampleSums(), .nan) }
      return (
        Change.branch.sums(shortcut, other, width: open.width),
        squareSum(stream, count: open.streamWidth)
      )
    case (.residual, _):
      let change: Change = open.activation == .relu ? .rectified : .branch
      let sums = change.sums(stream, other, width: open.width)
      return (sums, sums.a)
    }
  }

  /// RMS of the new maps over RMS of the reused ones; the rest is absent for dense blocks.
  private mutating func takeConcat(_ sums: SampleSums, of open: OpenTensors) {
    if sums.a > 0 {
      let new = sums.b / Double(open.width)
      ratio.add((new / (sums.a / Double(open.streamWidth))).squareRoot())
    } else {
      statistics.undefined += 1
    }
  }

  private mutating func takeSizes(
    _ sums: SampleSums, streamSquare: Double, of open: OpenTensors
  ) {
    finite += 1
    if sums.b == 0 { dead += 1 }
    streamSquares += streamSquare
    streamElements += open.streamWidth
    branchSquares += sums.b
    branchElements += open.width
  }

  private mutating func takeGeometry(_ sums: SampleSums) {
    guard let geometry = SampleGeometry(sums) else {
      statistics.undefined += 1
      if block.canBeIdentity {
        statistics.identityGapHistogram.count(
          inSlot: GapHistogram.Special.undefined.rawValue)
      }
      return
    }
    ratio.add(geometry.ratio)
    if let cosine = geometry.cosine { statistics.cosine.add(cosine) }
    guard block.canBeIdentity else { return }
    gap.add(geometry.gap)
    statistics.identityGapHistogram.count(gap: geometry.gap)
    statistics.perpendicularRatio.add(geometry.perpendicular)
    if let angle = geometry.angle { statistics.angularDistance.add(angle) }
    if let influence = geometry.influence { statistics.blockInfluence.add(influence) }
  }

  private mutating func takeGradients(
    _ sample: Int, _ stream: UnsafePointer<Float>, _ other: UnsafePointer<Float>,
    of open: OpenTensors
  ) {
    guard let factor = open.gradientFactor, let gradient = open.gradient(sample) else { return }
    var sums =
      block.kind == .plain
      ? GradientSums.of(gradient: gradient, output: other, stream: stream, width: open.width)
      : GradientSums.of(gradient: gradient, branch: other, width: open.width)
    if block.canBeIdentity, let streamGradient = open.streamGradient(sample) {
      sums.through = GradientSums.through(
        gradient: gradient, streamGradient: streamGradient, width: open.width)
    }
    gradients.take(sums, factor: factor)
  }

  /// The statistics of what was taken in.
  package var finished: BlockStatistics {
    var result = statistics
    result.identityGap = gap.distribution
    result.residualRatio = ratio.distribution
    gradients.enter(&result, onlyTaylor: block.kind == .concat)
    guard finite > 0 else { return result }
    result.streamRMS = PooledRMS(
      n: streamElements, rms: (streamSquares / Double(streamElements)).squareRoot())
    result.branchRMS = PooledRMS(
      n: branchElements, rms: (branchSquares / Double(branchElements)).squareRoot())
    result.deadFraction = Fraction(n: finite, value: Double(dead) / Double(finite))
    result.constantFraction = columns.constantFraction
    if nonzero > 0 {
      result.absorbedFraction = Fraction(n: nonzero, value: Double(swallowed) / Double(nonzero))
    }
    return result
  }
}
