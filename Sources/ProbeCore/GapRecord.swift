/// What verdicts ask of a block's record at a step.
public protocol GapRecorded: Sendable {
  /// The optimizer step.
  var step: Int { get }
  /// The samples that reached the block.
  var samples: Int { get }
  /// The samples whose branch stochastic depth dropped.
  var dropped: Int { get }
  /// The samples with a zero stream.
  var undefined: Int { get }
  /// The samples with values that are not finite.
  var nonFinite: Int { get }
  /// The samples with a gap.
  var gapSamples: Int { get }
  /// The median gap, where samples with a finite gap were measured.
  var medianGap: Double? { get }
  /// How the samples spread over the gap.
  var gapHistogram: GapHistogram { get }
  /// The share of F that is the same for every sample, where it was measured.
  var constant: Fraction? { get }
  /// The part of the change that turns the stream, where samples with a finite one were measured.
  var turned: Fraction? { get }
  /// The angle between x and y over π, where samples with one were measured.
  var angle: Fraction? { get }
}

/// A block's record at a step, cut down to what verdicts ask: a tenth of a ``BlockRecord``, since a
/// window holds a hundred thousand of them and a daemon keeps windows in memory.
public struct GapRecord: GapRecorded, Hashable {
  /// The optimizer step.
  public let step: Int
  /// The samples that reached the block.
  public var samples = 0
  /// The samples whose branch stochastic depth dropped.
  public var dropped = 0
  /// The samples with a zero stream.
  public var undefined = 0
  /// The samples with values that are not finite.
  public var nonFinite = 0
  /// The samples with a gap.
  public var gapSamples = 0
  /// The median gap as it was recorded.
  public var gap: Double?
  /// How the samples spread over the gap.
  public var gapHistogram = GapHistogram()
  /// The share of F that is the same for every sample, where it was measured.
  public var constant: Fraction?
  /// The mean part of the change that turns the stream, and the samples it is the mean of.
  public var turned: Fraction?
  /// The mean angle between x and y over π, and the samples it is the mean of.
  public var angle: Fraction?

  /// A record that says nothing yet.
  public init(step: Int) { self.step = step }

  /// What verdicts ask of a whole record.
  public init(_ record: BlockRecord) {
    self.init(step: record.step)
    samples = record.samples
    dropped = record.dropped
    undefined = record.undefined
    nonFinite = record.nonFinite
    gapSamples = record.gapSamples
    gap = record.statistics.identityGap.p50
    gapHistogram = record.gapHistogram
    constant = record.constant
    turned = record.turned
    angle = record.angle
  }

  /// The median gap, where samples with a finite gap were measured.
  public var medianGap: Double? {
    guard gapSamples > 0, let gap, gap.isFinite else { return nil }
    return gap
  }

  /// Takes in the same block's record of the same step from another rank, as
  /// ``BlockStatistics/merge(rank:)`` does.
  public mutating func merge(rank other: GapRecord) {
    if let mine = gap, let theirs = other.gap {
      let (n, m) = (Double(gapSamples), Double(other.gapSamples))
      gap = (mine * n + theirs * m) / (n + m)
    } else {
      gap = gap ?? other.gap
    }
    samples += other.samples
    dropped += other.dropped
    undefined += other.undefined
    nonFinite += other.nonFinite
    gapSamples += other.gapSamples
    gapHistogram.merge(other.gapHistogram)
    constant = Fraction.merged(constant, other.constant)
    turned = Fraction.merged(turned, other.turned)
    angle = Fraction.merged(angle, other.angle)
  }
}

extension BlockRecord: GapRecorded {
  /// The samples that reached the block.
  public var samples: Int { statistics.samples }
  /// The samples whose branch stochastic depth dropped.
  public var dropped: Int { statistics.dropped }
  /// The samples with a zero stream.
  public var undefined: Int { statistics.undefined }
  /// The samples with values that are not finite.
  public var nonFinite: Int { statistics.nonFinite }
  /// The samples with a gap.
  public var gapSamples: Int { statistics.identityGap.n }
  /// The median gap, where samples with a finite gap were measured.
  public var medianGap: Double? {
    guard statistics.identityGap.n > 0, let gap = statistics.identityGap.p50, gap.isFinite else {
      return nil
    }
    return gap
  }
  /// How the samples spread over the gap.
  public var gapHistogram: GapHistogram { statistics.identityGapHistogram }
  /// The share of F that is the same for every sample, where it was measured.
  public var constant: Fraction? { statistics.constantFraction }
  /// The part of the change that turns the stream, where samples with a finite one were measured.
  public var turned: Fraction? {
    let moments = statistics.perpendicularRatio
    return moments.n > 0 ? Fraction(n: moments.n, value: moments.mean) : nil
  }
  /// The angle between x and y over π, where samples with one were measured.
  public var angle: Fraction? {
    let moments = statistics.angularDistance
    return moments.n > 0 ? Fraction(n: moments.n, value: moments.mean) : nil
  }
}

/// What verdicts rest on of one block.
public struct GapEvidence: Sendable, Hashable {
  /// The block.
  public var block: Block
  /// The first measured step of the run, if the block has a record there.
  public var firstStep: Int?
  /// The verdict window's records in step order.
  public var records: [GapRecord]

  /// A block's evidence.
  public init(block: Block, firstStep: Int?, records: [GapRecord]) {
    self.block = block
    self.firstStep = firstStep
    self.records = records
  }
}
