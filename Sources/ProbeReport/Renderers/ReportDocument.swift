internal import ProbeCore

/// The JSON form of a report.
///
/// Keys are the properties' names in snake case; all are always there. Keys may be added under the same ``format``; a change of meaning gets a new one.
public struct ReportDocument: Encodable, Sendable {
  /// `format`: the name and version of this form.
  public let format: String
  /// `run`: the run and the steps looked at.
  public let run: RunDocument
  /// `blocks`: the blocks in network order.
  public let blocks: [BlockDocument]
  /// `depth`: how much of the depth is in use; null where nothing is known of it.
  public let depth: OrNull<DepthDocument>
  /// `examination`: what the ablations were measured on; null where the network was never examined.
  public let examination: OrNull<ExaminationDocument>
  /// `skill`: how well statistics order the ablated blocks; null where no single block was ablated.
  public let skill: OrNull<SkillDocument>
  /// `gradients`: how large gradients are over depth.
  public let gradients: GradientsDocument
  /// `findings`: what else the reader has to know.
  public let findings: [WordsDocument]
  /// `settings`: the settings of the verdicts.
  public let settings: SettingsDocument
  /// `reference`: what papers state of networks like it; null where that was not asked for.
  public let reference: OrNull<ReferenceDocument>

  /// The name and version of this form.
  public static let currentFormat = "resnet-probe.report/1"

  init(_ report: Report) {
    format = Self.currentFormat
    run = RunDocument(report.run, window: report.window)
    blocks = report.blocks.map(BlockDocument.init)
    depth = OrNull(DepthDocument(report.depth, words: DepthWords(report).sentences))
    examination = OrNull(
      report.ablations.map { ExaminationDocument($0, settings: report.settings) })
    skill = OrNull(
      report.skill.map { SkillDocument($0, confidence: report.settings.confidence) })
    gradients = GradientsDocument(report.gradients)
    findings = report.findings.map { WordsDocument(kind: $0.kind.rawValue, words: $0.words) }
    settings = SettingsDocument(report.settings)
    reference = OrNull(report.reference.map(ReferenceDocument.init))
  }
}

/// Something said in words, with its kind for programs: a finding, what a verdict is missing.
public struct WordsDocument: Encodable, Sendable {
  /// `kind`: a fixed name.
  public let kind: String
  /// `words`: for people; names in it are made printable.
  public let words: String
}

/// The settings of the verdicts (Verdicts.md).
public struct SettingsDocument: Encodable, Sendable {
  /// `epsilon`: a gap below this is near identity.
  public let epsilon: OrNull<Double>
  /// `strict_epsilon`: a gap below this is strict identity.
  public let strictEpsilon: OrNull<Double>
  /// `confidence`: the one-sided confidence of each bound.
  public let confidence: OrNull<Double>
  /// `minimum_records`: the fewest records that decide.
  public let minimumRecords: Int
  /// `window_share`: the share of the run's last steps that a window spans.
  public let windowShare: OrNull<Double>
  /// `minimum_samples`: the fewest samples in a window that decide.
  public let minimumSamples: Int
  /// `spread_share`: the share of samples that must lie below 2ε.
  public let spreadShare: OrNull<Double>
  /// `constant_fraction`: a branch whose constant fraction exceeds this is constant.
  public let constantFraction: OrNull<Double>
  /// `tolerance`: what removing a block may cost, where it was set; see `examination` for what holds.
  public let tolerance: OrNull<Double>

  init(_ settings: VerdictSettings) {
    epsilon = OrNull(finite: settings.epsilon)
    strictEpsilon = OrNull(finite: settings.strictEpsilon)
    confidence = OrNull(finite: settings.confidence)
    minimumRecords = settings.minimumRecords
    windowShare = OrNull(finite: settings.windowShare)
    minimumSamples = settings.minimumSamples
    spreadShare = OrNull(finite: settings.spreadShare)
    constantFraction = OrNull(finite: settings.constantFraction)
    tolerance = OrNull(finite: settings.tolerance)
  }
}
