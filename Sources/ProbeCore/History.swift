/// What a step says of the run as a whole, ranks and attempts merged.
public struct StepSummary: Sendable, Hashable {
  /// The optimizer step.
  public var step: Int
  /// The training loss, where logged.
  public var loss: Double?
  /// The learning rate, where logged.
  public var learningRate: Double?

  /// A step's summary.
  public init(step: Int, loss: Double? = nil, learningRate: Double? = nil) {
    self.step = step
    self.loss = loss
    self.learningRate = learningRate
  }
}

/// The statistics of one block at one step, ranks merged.
public struct BlockRecord: Sendable, Hashable {
  /// The optimizer step.
  public var step: Int
  /// What was measured.
  public var statistics: BlockStatistics

  /// A block's record at a step.
  public init(step: Int, statistics: BlockStatistics) {
    self.step = step
    self.statistics = statistics
  }
}

/// A span of steps summed up for one block.
public struct RollupSpan: Sendable, Hashable {
  /// The first step of the span (a multiple of its length).
  public var start: Int
  /// The number of steps it spans: 8², 8³ … 8⁶.
  public var length: Int
  /// The records with a median gap.
  public var gapN: Int
  /// The sum of the logarithms of the median gap, zero gaps counted as 2⁻²⁰.
  public var gapLogSum: Double
  /// The least median gap.
  public var gapMin: Double?
  /// The greatest median gap.
  public var gapMax: Double?
  /// The records with a median ratio.
  public var ratioN: Int
  /// The sum of the logarithms of the median ratio, zero ratios counted as 2⁻²⁰.
  public var ratioLogSum: Double
  /// The least median ratio.
  public var ratioMin: Double?
  /// The greatest median ratio.
  public var ratioMax: Double?

  /// An empty span.
  public init(start: Int, length: Int) {
    self.start = start
    self.length = length
    gapN = 0
    gapLogSum = 0
    ratioN = 0
    ratioLogSum = 0
  }

  /// The lengths that are kept.
  public static let lengths = [64, 512, 4_096, 32_768, 262_144]
}

/// When a block's median gap was last at or above a threshold.
public enum LastCrossing: Sendable, Hashable {
  /// On no record.
  case never
  /// Last at `step`; `next` is the first record after it, if there is one.
  case last(step: Int, next: Int?)
}

/// All that an analysis sees of one block.
public struct BlockHistory: Sendable, Hashable {
  /// The block.
  public var block: Block
  /// The earliest record: step 0 where the recorder was attached from the start.
  public var first: BlockRecord?
  /// The first record after warm-up, where it was asked for.
  public var reference: BlockRecord?
  /// The latest record.
  public var latest: BlockRecord?
  /// The window's records in step order.
  public var window: [BlockRecord]
  /// The last of the window's records once more, with all their statistics, in step order.
  public var recent: [BlockRecord]
  /// The run so far in a few dozen points for drawing, in step order: step and median gap (nil: undefined).
  public var trend: [TrendPoint]
  /// When the median gap was last at or above the threshold asked for.
  public var crossing: LastCrossing

  /// A point of a trend: a record or a rolled-up span.
  public struct TrendPoint: Sendable, Hashable {
    /// The step, or the first step of the span.
    public var step: Int
    /// The median gap, or its geometric mean over the span.
    public var gap: Double?
    /// The median ratio, or its geometric mean over the span.
    public var ratio: Double?

    /// A point.
    public init(step: Int, gap: Double?, ratio: Double?) {
      self.step = step
      self.gap = gap
      self.ratio = ratio
    }
  }

  /// A block's history.
  public init(
    block: Block, first: BlockRecord? = nil, reference: BlockRecord? = nil,
    latest: BlockRecord? = nil, window: [BlockRecord] = [], recent: [BlockRecord] = [],
    trend: [TrendPoint] = [], crossing: LastCrossing = .never
  ) {
    self.block = block
    self.first = first
    self.reference = reference
    self.latest = latest
    self.window = window
    self.recent = recent
    self.trend = trend
    self.crossing = crossing
  }
}

/// What a store knows of a run beside its blocks.
public struct RunSummary: Sendable, Hashable {
  /// The store's number of the run.
  public var id: Int
  /// The run's identity.
  public var uuid: Identity
  /// The run's label; not trusted to be printable.
  public var name: String
  /// Its project; empty where none.
  public var project: String
  /// How its newest attempt ended; nil while it has not.
  public var status: AttemptFinished.Status?
  /// When its first attempt started.
  ///
  /// Unit: seconds since 1970.
  public var startedAt: Double
  /// When something was last heard of it.
  ///
  /// Unit: seconds since 1970.
  public var lastSeenAt: Double
  /// The number of attempts.
  public var attempts: Int
  /// The processes of the newest attempt.
  public var worldSize: Int
  /// The ranks of the newest attempt that sent something.
  public var ranks: [Int]
  /// How far each of these came.
  public var progress: [RankProgress]
  /// The steps planned, where known.
  public var plannedSteps: Int?
  /// The number of blocks.
  public var blocks: Int
  /// The steps measured, ranks and attempts merged.
  public var frames: Int
  /// The first step measured.
  public var firstStep: Int?
  /// The last step measured.
  public var lastStep: Int?
  /// The training loss at the last step that has one.
  public var loss: Double?
  /// The frames that recorders dropped.
  public var droppedFrames: Int
  /// The records that were passed over because they contradict their block map or are of an unknown kind.
  public var rejectedRecords: Int
  /// What measuring cost the training loop in all.
  ///
  /// Unit: seconds.
  public var recorderSeconds: Double
  /// The recorder that opened it.
  public var recorder: String
  /// The blocks that the stored verdicts call an identity.
  public var identityBlocks: Int
  /// The segments that could not be read to their end.
  public var damagedSegments: Int

  /// A run's summary.
  public init(
    id: Int, uuid: Identity, name: String, project: String = "",
    status: AttemptFinished.Status? = nil, startedAt: Double = 0, lastSeenAt: Double = 0,
    attempts: Int = 1, worldSize: Int = 1, ranks: [Int] = [0], progress: [RankProgress] = [],
    plannedSteps: Int? = nil,
    blocks: Int = 0, frames: Int = 0, firstStep: Int? = nil, lastStep: Int? = nil,
    loss: Double? = nil, droppedFrames: Int = 0, rejectedRecords: Int = 0,
    recorderSeconds: Double = 0, recorder: String = "", identityBlocks: Int = 0,
    damagedSegments: Int = 0
  ) {
    self.id = id
    self.uuid = uuid
    self.name = name
    self.project = project
    self.status = status
    self.startedAt = startedAt
    self.lastSeenAt = lastSeenAt
    self.attempts = attempts
    self.worldSize = worldSize
    self.ranks = ranks
    self.progress = progress
    self.plannedSteps = plannedSteps
    self.blocks = blocks
    self.frames = frames
    self.firstStep = firstStep
    self.lastStep = lastStep
    self.loss = loss
    self.droppedFrames = droppedFrames
    self.rejectedRecords = rejectedRecords
    self.recorderSeconds = recorderSeconds
    self.recorder = recorder
    self.identityBlocks = identityBlocks
    self.damagedSegments = damagedSegments
  }
}

/// All that an analysis sees of a run: the verdict window's records, and the past in spans.
public struct History: Sendable, Hashable {
  /// The run.
  public var run: RunSummary
  /// Its measured steps in order, ranks and attempts merged.
  public var steps: [StepSummary]
  /// Its blocks by ordinal.
  public var blocks: [BlockHistory]
  /// What was noticed while it was taken in, in the order of steps.
  public var findings: [NotedFinding]
  /// The examination that speaks for the run (Schema.md); nil where the network was never examined.
  public var ablations: Ablations?

  /// A run's history.
  public init(
    run: RunSummary, steps: [StepSummary], blocks: [BlockHistory], findings: [NotedFinding] = [],
    ablations: Ablations? = nil
  ) {
    self.run = run
    self.steps = steps
    self.blocks = blocks
    self.findings = findings
    self.ablations = ablations
  }
}
