internal import ProbeAnalysis
internal import ProbeCore

/// What blocks take of something that is counted, in JSON.
public struct CostsDocument: Encodable, Sendable {
  /// `dropped`: what the candidates take; null where it is not known of one.
  public let dropped: OrNull<Int>
  /// `of_all_blocks`: what all blocks of the run take.
  public let ofAllBlocks: OrNull<Int>
  /// `share`: the first over the second.
  public let share: OrNull<Double>

  init(_ costs: BlockCosts) {
    dropped = OrNull(costs.dropped)
    ofAllBlocks = OrNull(costs.ofAllBlocks)
    share = OrNull(finite: costs.share)
  }
}

/// What leaving out the candidates does to the loss, in JSON.
public struct CandidateLossDocument: Encodable, Sendable {
  /// `sum_of_singles`: the sum of what each changes alone.
  public let sumOfSingles: OrNull<Double>
  /// `jointly`: the change measured with all of them removed.
  public let jointly: OrNull<ChangeDocument>
  /// `held_out_upper`: its upper bound on the samples that did not choose the set.
  public let heldOutUpper: OrNull<Double>

  init(_ loss: CandidateSet.Loss) {
    sumOfSingles = OrNull(finite: loss.sumOfSingles)
    jointly = OrNull(loss.jointly.map(ChangeDocument.init))
    heldOutUpper = OrNull(finite: loss.heldOutUpper)
  }
}

/// One order of dropping blocks with what it was measured to cost, in JSON.
public struct CurveDocument: Encodable, Sendable {
  /// One number of dropped blocks.
  public struct Point: Encodable, Sendable {
    /// `dropped`: how many.
    public let dropped: Int
    /// `ordinals`: which, in the order of removal.
    public let ordinals: [Int]
    /// `loss_change`: the change of the mean loss; null where a sample's loss was not finite.
    public let lossChange: OrNull<ChangeDocument>
    /// `held_out_upper`: of the greedy order, its upper bound on the samples that chose nothing.
    public let heldOutUpper: OrNull<Double>
    /// `error_change`: the change of the share of wrong predictions, where they can be counted.
    public let errorChange: OrNull<ChangeDocument>
  }

  /// `strategy`: what the next block is chosen by.
  public let strategy: String
  /// `number`: which of several orders of one strategy, from 0.
  public let number: Int
  /// `points`: what was measured, from few blocks to many.
  public let points: [Point]

  init(_ curve: RemovalCurve) {
    strategy = curve.order.strategy.rawValue
    number = curve.order.number
    points = curve.points.map { point in
      Point(
        dropped: point.dropped, ordinals: point.ordinals,
        lossChange: OrNull(point.ablation.loss.map(ChangeDocument.init)),
        heldOutUpper: OrNull(
          finite: curve.order.strategy == .greedy ? point.ablation.heldOutUpper : nil),
        errorChange: OrNull(point.ablation.error.map(ChangeDocument.init)))
    }
  }
}

/// The candidates in a report's JSON; `resnet-probe plan` describes each block.
public struct CandidatesDocument: Encodable, Sendable {
  /// `basis`: what the choice rests on.
  public let basis: String
  /// `ordinals`: the blocks, in the order of removal.
  public let ordinals: [Int]
  /// `confirmed`: whether removing them together was shown to stay within the tolerance.
  public let confirmed: Bool
  /// `tolerance`: what they may cost; null where the network was never examined.
  public let tolerance: OrNull<Double>
  /// `loss`: what they cost; null without an examination of this network.
  public let loss: OrNull<CandidateLossDocument>
  /// `error_change`: the change of the share of wrong predictions without them.
  public let errorChange: OrNull<ChangeDocument>
  /// `parameters`: the trained parameters of their branches.
  public let parameters: CostsDocument
  /// `macs`: the multiply–accumulates of their branches, for one sample of the block that sees fewest.
  public let macs: CostsDocument

  init(_ candidates: CandidateSet) {
    basis = candidates.basis.rawValue
    ordinals = candidates.ordinals
    confirmed = candidates.isConfirmed
    tolerance = OrNull(finite: candidates.tolerance)
    loss = OrNull(candidates.loss.map(CandidateLossDocument.init))
    errorChange = OrNull(candidates.errorChange.map(ChangeDocument.init))
    parameters = CostsDocument(candidates.parameters)
    macs = CostsDocument(candidates.macs)
  }
}
