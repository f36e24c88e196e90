internal import ProbeCore

/// A block of a report in JSON.
public struct BlockDocument: Encodable, Sendable {
  /// `ordinal`: the place in the network, from 0.
  public let ordinal: Int
  /// `name`: the module path, exactly.
  public let name: String
  /// `kind`: `residual`, `plain` or `concat`.
  public let kind: String
  /// `shortcut`: `identity`, `projection` or `none`.
  public let shortcut: String
  /// `stage`: the number of the run of blocks whose stream has one shape.
  public let stage: Int
  /// `verdict`: what is said, as in ``ProbeCore/Verdict``.
  public let verdict: String
  /// `origin`: `at_birth` or `collapsed`; null without an identity verdict.
  public let origin: OrNull<String>
  /// `since_step`: the first record of the identity; null without an identity verdict.
  public let sinceStep: OrNull<Int>
  /// `confidence`: 1 − adjusted p over all blocks; null without an identity verdict.
  public let confidence: OrNull<Double>
  /// `missing`: what keeps an undetermined block from a verdict; null for others.
  public let missing: OrNull<WordsDocument>
  /// `confirmation`: `confirmed`, `contradicted` or `open`: what the ablation makes of a verdict that
  /// predicts the block does nothing; null without either.
  public let confirmation: OrNull<String>
  /// `evidence`: what the verdict rests on beside the gap.
  public let evidence: EvidenceDocument
  /// `ablation`: what removing the block by itself did; null where it was not measured.
  public let ablation: OrNull<AblationDocument>
  /// `statistics`: what was measured.
  public let statistics: StatisticsDocument
  /// `parameters`: the trained parameters of the branch, where known.
  public let parameters: OrNull<Int>
  /// `macs`: the multiply–accumulates of the branch for one sample, where known.
  public let macs: OrNull<Int>

  init(_ row: BlockRow) {
    ordinal = row.block.ordinal
    name = row.block.name
    kind = row.block.kind.rawValue
    shortcut = row.block.shortcut.rawValue
    stage = row.block.stage
    verdict = row.verdict.verdict.rawValue
    origin = OrNull(row.verdict.origin?.rawValue)
    sinceStep = OrNull(row.verdict.sinceStep)
    confidence = OrNull(finite: row.verdict.confidence)
    missing = OrNull(
      row.verdict.missing.map { WordsDocument(kind: Cause($0).rawValue, words: $0.description) })
    confirmation = OrNull(row.verdict.confirmation?.rawValue)
    evidence = EvidenceDocument(row.verdict)
    ablation = OrNull(row.ablation.map(AblationDocument.init))
    statistics = StatisticsDocument(row)
    parameters = OrNull(row.block.parameters)
    macs = OrNull(row.block.macs)
  }
}
