internal import ProbeAnalysis
internal import ProbeCore

/// The JSON form of a comparison of runs.
///
/// Keys are the properties' names in snake case; all are always there. Keys may be added under the same
/// ``format``; a change of meaning gets a new one.
public struct ComparisonDocument: Encodable, Sendable {
  /// `format`: the name and version of this form.
  public let format: String
  /// `runs`: the runs in the order given.
  public let runs: [ComparedRunDocument]
  /// `families`: what depth did among runs of one family that are alike otherwise.
  public let families: [CohortDocument]
  /// `alignment`: the blocks of the runs beside each other; null where fewer than two have blocks.
  public let alignment: OrNull<AlignmentDocument>
  /// `findings`: what was noticed.
  public let findings: [ComparisonFindingDocument]

  /// The name and version of this form.
  public static let currentFormat = "resnet-probe.compare/1"

  init(_ comparison: Comparison) {
    format = Self.currentFormat
    runs = comparison.runs.map(ComparedRunDocument.init)
    families = comparison.cohorts.map { CohortDocument($0, comparison) }
    alignment = OrNull(comparison.alignment.map { AlignmentDocument($0, comparison) })
    let words = ComparisonWords(comparison)
    findings = comparison.findings.map { finding in
      ComparisonFindingDocument(
        kind: finding.kind.rawValue, words: words.words(finding),
        runs: finding.runs.map { comparison.runs[$0].run.id })
    }
  }
}

/// A run of a comparison.
public struct ComparedRunDocument: Encodable, Sendable {
  /// `id`: the store's number of the run.
  public let id: Int
  /// `uuid`: the run's identity, 32 hexadecimal digits.
  public let uuid: String
  /// `name`: the run's label.
  public let name: String
  /// `project`: its project; empty where none.
  public let project: String
  /// `status`: `completed`, `failed`, or `running` while the newest attempt has not ended.
  public let status: String
  /// `last_step`: the last step measured.
  public let lastStep: OrNull<Int>
  /// `family`: `plain`, `residual`, `concat` or `mixed`; null for a run without blocks.
  public let family: OrNull<String>
  /// `blocks`: the number of blocks.
  public let blocks: Int
  /// `loss`: the training loss over the window; null where there is none to judge by.
  public let loss: OrNull<LossDocument>
  /// `loss_at_start`: the training loss at step 0.
  public let lossAtStart: OrNull<Double>
  /// `gradient_at_start`: the gradient at both ends of the depth at step 0.
  public let gradientAtStart: OrNull<GradientSpanDocument>
  /// `gradient`: the same at the last record.
  public let gradient: OrNull<GradientSpanDocument>
  /// `gap`: the median over the blocks of the gap now.
  public let gap: OrNull<Double>
  /// `gap_at_start`: the same at step 0.
  public let gapAtStart: OrNull<Double>
  /// `ratio`: the median over the blocks of the ratio now.
  public let ratio: OrNull<Double>
  /// `ratio_at_start`: the same at step 0.
  public let ratioAtStart: OrNull<Double>
  /// `tests`: the metrics of other data that were recognised.
  public let tests: [TestMetricDocument]

  init(_ run: ComparedRun) {
    id = run.run.id
    uuid = run.run.uuid.description
    name = run.run.name
    project = run.run.project
    status = run.run.status?.rawValue ?? "running"
    lastStep = OrNull(run.run.lastStep)
    family = OrNull(run.family?.rawValue)
    blocks = run.depth
    loss = OrNull(run.level.map(LossDocument.init))
    lossAtStart = OrNull(finite: run.lossAtStart)
    gradientAtStart = OrNull(run.gradientAtStart.map(GradientSpanDocument.init))
    gradient = OrNull(run.gradient.map(GradientSpanDocument.init))
    gap = OrNull(finite: run.gap)
    gapAtStart = OrNull(finite: run.gapAtStart)
    ratio = OrNull(finite: run.ratio)
    ratioAtStart = OrNull(finite: run.ratioAtStart)
    tests = run.tests.map(TestMetricDocument.init)
  }
}

/// The level of a training loss.
public struct LossDocument: Encodable, Sendable {
  /// `value`: the geometric mean; the arithmetic one where a loss is not above zero.
  public let value: OrNull<Double>
  /// `lower`: its lower confidence bound.
  public let lower: OrNull<Double>
  /// `upper`: its upper confidence bound.
  public let upper: OrNull<Double>
  /// `records`: the losses it rests on.
  public let records: Int
  /// `falling`: whether the loss still fell, so that the bounds are none of a level.
  public let falling: Bool

  init(_ level: LossLevel) {
    value = OrNull(finite: level.value)
    lower = OrNull(finite: level.lower)
    upper = OrNull(finite: level.upper)
    records = level.records
    falling = level.isFalling
  }
}

/// The gradient at both ends of the depth.
public struct GradientSpanDocument: Encodable, Sendable {
  /// `step`: the step of the record.
  public let step: Int
  /// `first`: the gradient's norm at the first block.
  public let first: OrNull<Double>
  /// `last`: the same at the last block.
  public let last: OrNull<Double>
  /// `ratio`: first over last; null where nothing reached the last.
  public let ratio: OrNull<Double>

  init(_ span: GradientSpan) {
    step = span.step
    first = OrNull(finite: span.first)
    last = OrNull(finite: span.last)
    ratio = OrNull(finite: span.ratio)
  }
}

/// A metric of other data than the network was trained on.
public struct TestMetricDocument: Encodable, Sendable {
  /// `key`: the user's name for it.
  public let key: String
  /// `measure`: `loss`, `error` or `accuracy`.
  public let measure: String
  /// `value`: what was logged last.
  public let value: OrNull<Double>
  /// `step`: the last step it was logged at.
  public let step: Int

  init(_ test: TestMetric) {
    key = test.metric.key
    measure = test.measure.rawValue
    value = OrNull(finite: test.metric.value)
    step = test.metric.step
  }
}

/// Something that a comparison noticed.
public struct ComparisonFindingDocument: Encodable, Sendable {
  /// `kind`: a fixed name.
  public let kind: String
  /// `words`: for people; names in it are made printable.
  public let words: String
  /// `runs`: the numbers of the runs it is about.
  public let runs: [Int]
}
