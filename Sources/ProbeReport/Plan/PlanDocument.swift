internal import ProbeAnalysis
internal import ProbeCore

/// The JSON form of a plan: what `resnet_probe.bypass` takes.
///
/// Keys are the properties' names in snake case; all are always there. Keys may be added under the same
/// ``format``; a change of meaning gets a new one.
public struct PlanDocument: Encodable, Sendable {
  /// `format`: the name and version of this form.
  public let format: String
  /// `run`: which run it is of.
  public let run: PlanRunDocument
  /// `basis`: what the choice rests on: `measured`, `verdicts` or `none`.
  public let basis: String
  /// `confirmed`: whether removing the set was shown to stay within the tolerance.
  public let confirmed: Bool
  /// `examination`: what was measured on; null where the network was never examined.
  public let examination: OrNull<PlanExaminationDocument>
  /// `blocks`: the candidates, in the order of removal.
  public let blocks: [PlannedBlockDocument]
  /// `loss`: what leaving them out does to the loss; null without an examination of this network.
  public let loss: OrNull<CandidateLossDocument>
  /// `error_change`: the change of the share of wrong predictions without them.
  public let errorChange: OrNull<ChangeDocument>
  /// `parameters`: the trained parameters of their branches.
  public let parameters: CostsDocument
  /// `macs`: the multiply–accumulates of their branches, for one sample of the block that sees fewest.
  public let macs: CostsDocument
  /// `curves`: what dropping more and more blocks costs, an order each.
  public let curves: [CurveDocument]
  /// `words`: what is said of it, for people.
  public let words: [String]

  /// The name and version of this form.
  public static let currentFormat = "resnet-probe.plan/1"

  init(_ plan: Plan) {
    let candidates = plan.depth.candidates
    let singles = plan.ablations?.singles ?? [:]
    format = Self.currentFormat
    run = PlanRunDocument(
      id: plan.run.id, uuid: plan.run.uuid.description, name: plan.run.name)
    basis = candidates.basis.rawValue
    confirmed = candidates.isConfirmed
    examination = OrNull(
      plan.ablations.map {
        PlanExaminationDocument($0.examination, tolerance: candidates.tolerance)
      })
    blocks = plan.candidates.map { block in
      PlannedBlockDocument(
        block, verdict: plan.verdicts[block.ordinal], ablation: singles[block.ordinal])
    }
    loss = OrNull(candidates.loss.map(CandidateLossDocument.init))
    errorChange = OrNull(candidates.errorChange.map(ChangeDocument.init))
    parameters = CostsDocument(candidates.parameters)
    macs = CostsDocument(candidates.macs)
    curves = plan.depth.curves?.all.map(CurveDocument.init) ?? []
    words = plan.words
  }
}

/// The run of a plan, in JSON.
public struct PlanRunDocument: Encodable, Sendable {
  /// `id`: the store's number of the run.
  public let id: Int
  /// `uuid`: its identity.
  public let uuid: String
  /// `name`: its label.
  public let name: String
}

/// What a plan was measured on, in JSON.
public struct PlanExaminationDocument: Encodable, Sendable {
  /// `step`: the optimizer steps done before it.
  public let step: Int
  /// `samples`: the rows of the probe set.
  public let samples: Int
  /// `base_loss`: the mean loss of the network as it is.
  public let baseLoss: OrNull<Double>
  /// `base_error`: its share of wrong predictions, where they can be counted.
  public let baseError: OrNull<Double>
  /// `confidence`: of each bound, one-sided.
  public let confidence: OrNull<Double>
  /// `tolerance`: what the candidates may cost.
  public let tolerance: OrNull<Double>

  init(_ examination: Examination, tolerance: Double?) {
    step = examination.step
    samples = examination.samples
    baseLoss = OrNull(finite: examination.baseLoss)
    baseError = OrNull(finite: examination.baseError)
    confidence = OrNull(finite: examination.confidence)
    self.tolerance = OrNull(finite: tolerance)
  }
}

/// A candidate, in JSON.
public struct PlannedBlockDocument: Encodable, Sendable {
  /// `ordinal`: its place in the network.
  public let ordinal: Int
  /// `name`: its module path, as the recorder gave it.
  public let name: String
  /// `kind`: how it joins branch and stream.
  public let kind: String
  /// `shortcut`: what is added to the branch.
  public let shortcut: String
  /// `activation`: the activation after the add.
  public let activation: String
  /// `stage`: its stage.
  public let stage: Int
  /// `sample_axis`: what counts as one sample.
  public let sampleAxis: String
  /// `shape`: of the stream without its sample axis; empty where unknown.
  public let shape: [Int]
  /// `parameters`: of the branch, where known.
  public let parameters: OrNull<Int>
  /// `macs`: multiply–accumulates of the branch for one sample, where known.
  public let macs: OrNull<Int>
  /// `verdict`: what is said of it; null where nothing is.
  public let verdict: OrNull<String>
  /// `confirmation`: what its ablation makes of a prediction; else null.
  public let confirmation: OrNull<String>
  /// `loss_change`: what removing it alone did; null where that was not measured.
  public let lossChange: OrNull<ChangeDocument>

  init(_ block: Block, verdict: BlockVerdict?, ablation: Ablation?) {
    ordinal = block.ordinal
    name = block.name
    kind = block.kind.rawValue
    shortcut = block.shortcut.rawValue
    activation = block.activation.rawValue
    stage = block.stage
    sampleAxis = block.sampleAxis.rawValue
    shape = block.shape
    parameters = OrNull(block.parameters)
    macs = OrNull(block.macs)
    self.verdict = OrNull(verdict?.verdict.rawValue)
    confirmation = OrNull(verdict?.confirmation?.rawValue)
    lossChange = OrNull(ablation?.loss.map(ChangeDocument.init))
  }
}
