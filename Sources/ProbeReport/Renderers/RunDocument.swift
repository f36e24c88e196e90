internal import ProbeAnalysis
internal import ProbeCore

/// The run of a report in JSON.
public struct RunDocument: Encodable, Sendable {
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
  /// `started_at`: seconds since 1970.
  public let startedAt: OrNull<Double>
  /// `last_seen_at`: seconds since 1970.
  public let lastSeenAt: OrNull<Double>
  /// `attempts`: the number of attempts.
  public let attempts: Int
  /// `world_size`: the processes of the newest attempt.
  public let worldSize: Int
  /// `ranks`: those of them that sent something.
  public let ranks: [Int]
  /// `planned_steps`: the steps planned, where known.
  public let plannedSteps: OrNull<Int>
  /// `blocks`: the number of blocks.
  public let blocks: Int
  /// `frames`: the steps measured.
  public let frames: Int
  /// `first_step`: the first step measured.
  public let firstStep: OrNull<Int>
  /// `last_step`: the last step measured.
  public let lastStep: OrNull<Int>
  /// `loss`: the training loss at the last step that has one.
  public let loss: OrNull<Double>
  /// `dropped_frames`: the frames that recorders dropped.
  public let droppedFrames: Int
  /// `rejected_records`: the records that were passed over.
  public let rejectedRecords: Int
  /// `recorder_seconds`: what measuring cost the training loop.
  public let recorderSeconds: OrNull<Double>
  /// `recorder`: the recorder that opened the run.
  public let recorder: String
  /// `window`: the steps that the verdicts look at.
  public let window: WindowDocument

  init(_ run: RunSummary, window: VerdictWindow?) {
    id = run.id
    uuid = run.uuid.description
    name = run.name
    project = run.project
    status = run.status?.rawValue ?? "running"
    startedAt = OrNull(finite: run.startedAt)
    lastSeenAt = OrNull(finite: run.lastSeenAt)
    attempts = run.attempts
    worldSize = run.worldSize
    ranks = run.ranks
    plannedSteps = OrNull(run.plannedSteps)
    blocks = run.blocks
    frames = run.frames
    firstStep = OrNull(run.firstStep)
    lastStep = OrNull(run.lastStep)
    loss = OrNull(finite: run.loss)
    droppedFrames = run.droppedFrames
    rejectedRecords = run.rejectedRecords
    recorderSeconds = OrNull(finite: run.recorderSeconds)
    recorder = run.recorder
    self.window = WindowDocument(window)
  }
}

/// The steps that the verdicts look at.
public struct WindowDocument: Encodable, Sendable {
  /// `first_step`: the first; null for a run without records.
  public let firstStep: OrNull<Int>
  /// `last_step`: the last; null for a run without records.
  public let lastStep: OrNull<Int>
  /// `records`: the measured steps in it.
  public let records: Int
  /// `warm_up_end`: the step where warm-up ended.
  public let warmUpEnd: OrNull<Int>
  /// `warm_up_assumed`: whether that was taken to be at 5 % of the steps, for want of a learning rate.
  public let warmUpAssumed: Bool
  /// `phase_change`: the step of the last phase change; null where there was none.
  public let phaseChange: OrNull<Int>

  init(_ window: VerdictWindow?) {
    firstStep = OrNull(window?.firstStep)
    lastStep = OrNull(window?.lastStep)
    records = window?.records ?? 0
    warmUpEnd = OrNull(window?.warmUp.end)
    warmUpAssumed = window?.warmUp.isAssumed ?? false
    phaseChange = OrNull(window?.phaseChange)
  }
}
