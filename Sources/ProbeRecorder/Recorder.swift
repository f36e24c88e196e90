internal import Glibc
public import ProbeCore

/// Measures the residual blocks of a network in training and appends frames to a journal.
///
/// Used from one training thread. Opening may throw; after that no call throws, traps on its
/// arguments or waits for a disk or network: what cannot be followed is counted (``counts``) and
/// warned of once a cause on standard error. Memory is bounded (``MemoryLimits``).
///
/// A step goes: ``begin(step:)``, one ``measure(block:_:)`` per block and micro-batch,
/// ``measure(parametersOf:_:gate:lastMap:lossScale:)`` before the optimizer's step,
/// ``measure(updateOf:_:)`` after it, ``end(loss:learningRate:lossScale:skipped:)``.
public final class Recorder {
  /// The run's identity: give it to the next attempt.
  public let run: Identity
  /// What was written, dropped and misused so far.
  public internal(set) var counts = RecorderCounts()

  let blocks: BlockMap
  let limits: MemoryLimits
  let clock: Clock
  var step: OpenStep?
  private let schedule: Schedule
  private let firstStep: Int
  private let plannedSteps: Int?
  private let journal: JournalWriter
  private var warnings: Warnings
  private var metrics: MetricBuffer?
  private var lastStep: Int?
  private var stepsMeasured = 0
  private var droppedSinceFrame = 0
  private var isFinished = false
  /// What the recorder cost since the frame before.
  ///
  /// Unit: seconds.
  private var cost = 0.0

  /// Opens a run: a journal in the spool with the run and its blocks at its head.
  ///
  /// A spool that is at its limit is no error; frames are dropped and counted until there is room.
  ///
  /// - Throws: ``RecorderError``, one line with what to do next.
  public convenience init(
    opening description: RunDescription, blocks: BlockMap, schedule: Schedule = .default,
    spool: Spool = .default
  ) throws(RecorderError) {
    try self.init(
      opening: description, blocks: blocks, schedule: schedule, spool: spool, clock: .system,
      warnings: Warnings(), environment: { name in getenv(name).map { String(cString: $0) } })
  }

  package init(
    opening description: RunDescription, blocks: BlockMap, schedule: Schedule, spool: Spool,
    clock: Clock, warnings: Warnings, environment: (String) -> String?
  ) throws(RecorderError) {
    let opened = try description.opened(
      startedAt: clock.wall(), host: Self.hostName, environment: environment)
    let folder = try SpoolFolder(spool)
    journal = try JournalWriter(
      .random(), in: folder, path: spool.path ?? "", head: [.runOpened(opened), .blockMap(blocks)])
    run = opened.run
    firstStep = opened.firstStep
    plannedSteps = opened.plannedSteps
    limits = MemoryLimits(blocks: blocks.blocks.count)
    self.blocks = blocks
    self.schedule = schedule
    self.clock = clock
    self.warnings = warnings
  }

  /// Finishes an attempt that nobody finished.
  ///
  /// As completed if its last planned step ended, else as failed: a recorder goes away unfinished
  /// where an error leaves the training loop.
  deinit {
    guard !isFinished else { return }
    let isComplete = step == nil && plannedSteps.map { lastStep == $0 - 1 } == true
    finish(isComplete ? .completed : .failed)
  }

  /// Begins a step and says whether the schedule measures it.
  ///
  /// Where it does not, measurements of the step are passed over silently and cost next to nothing.
  /// A measured step before this one that never ended is dropped and counted as a frame, since it
  /// may lack micro-batches; what was logged for it is kept. A step that does not come after the
  /// one before is refused.
  public func begin(step number: Int) -> Bool {
    guard !isFinished else { return misuse(.finished) }
    if let open = step {
      if open.isMeasured { misuse(.stepNotEnded) }
      abandonStep()
    }
    let least = max(firstStep, lastStep.map { $0 + 1 } ?? 0)
    guard (least...Step.greatest).contains(number) else { return misuse(.stepOrder) }
    if metrics != nil { timed { flushMetrics() } }
    lastStep = number
    let isMeasured = schedule.measures(step: number, plannedSteps: plannedSteps)
    step = OpenStep(
      number: number, isMeasured: isMeasured,
      countsAbsorbed: isMeasured && stepsMeasured % Self.absorbedEvery == 0)
    if isMeasured { stepsMeasured += 1 }
    return isMeasured
  }

  /// Every how many measured steps the absorbed fraction is counted, from the first on.
  package static let absorbedEvery = 10

  /// Logs a number under a key of 1 to 256 bytes.
  ///
  /// It belongs to the step under way and goes into its frame; outside a measured step it becomes a
  /// metrics record of the step begun last. The last value of a key counts.
  public func log(_ key: String, _ value: Double) {
    guard !isFinished else {
      misuse(.finished)
      return
    }
    let number = step?.number ?? lastStep ?? firstStep
    if let pending = metrics, pending.step != number { timed { flushMetrics() } }
    if metrics == nil { metrics = MetricBuffer(step: number) }
    if metrics?.log(key, value) == false { misuse(.metric) }
  }

  /// Ends the step and writes its frame if it was measured.
  ///
  /// - Parameters:
  ///   - loss: The training loss of the step; may be non-finite.
  ///   - learningRate: That of the first parameter group.
  ///   - lossScale: The factor that the loss was multiplied by, where a scaler is used.
  ///   - skipped: Whether the scaler skipped the optimizer's update.
  public func end(
    loss: Double? = nil, learningRate: Double? = nil, lossScale: Double? = nil,
    skipped: Bool = false
  ) {
    guard !isFinished else {
      misuse(.finished)
      return
    }
    guard let open = step else {
      misuse(.outsideStep)
      return
    }
    step = nil
    guard open.isMeasured else { return }
    let start = clock.monotonic()
    var frame = Frame(step: open.number, wallTime: clock.wall())
    frame.loss = loss
    frame.learningRate = learningRate
    frame.lossScale = lossScale
    frame.skipped = skipped
    frame.droppedFrames = droppedSinceFrame
    frame.blocks = open.statistics(skipped: skipped)
    if let logged = metrics, logged.step == open.number {
      frame.metrics = logged.metrics
      metrics = nil
    }
    counts.valuesPassedOver += open.passedOver
    let measured = clock.monotonic()
    // Writing a frame cannot be part of the frame: it is charged to the next one.
    frame.recorderSeconds = max(0, cost + measured - start)
    if let drop = journal.append(.frame(frame)) {
      dropFrame()
      warnings.warn(drop.message, cause: "\(drop)")
      cost += measured - start
    } else {
      counts.framesWritten += 1
      droppedSinceFrame = 0
      cost = 0
    }
    cost += clock.monotonic() - measured
  }

  /// Finishes the attempt; later calls are passed over.
  ///
  /// A step under way is dropped. The end is written even where the spool is at its limit.
  public func finish(_ status: AttemptFinished.Status) {
    guard !isFinished else {
      misuse(.finished)
      return
    }
    abandonStep()
    flushMetrics()
    let finished = AttemptFinished(
      status: status, finishedAt: clock.wall(), lastStep: lastStep ?? firstStep,
      droppedFrames: counts.framesDropped)
    if let drop = journal.append(.attemptFinished(finished), beyondLimit: true) {
      warnings.warn(drop.message, cause: "\(drop)")
    }
    journal.close()
    isFinished = true
  }

  /// Writes a record that is no frame; one that finds no room is counted and warned of.
  func append(_ record: Record) {
    guard !isFinished else {
      misuse(.finished)
      return
    }
    if let drop = journal.append(record) {
      counts.examinedDropped += 1
      warnings.warn(drop.message, cause: "\(drop)")
    }
  }

  private func abandonStep() {
    if step?.isMeasured == true { dropFrame() }
    step = nil
  }

  private func dropFrame() {
    counts.framesDropped += 1
    droppedSinceFrame += 1
  }

  private func flushMetrics() {
    guard let pending = metrics else { return }
    metrics = nil
    guard !pending.metrics.isEmpty else { return }
    if let drop = journal.append(.metrics(step: pending.step, pending.metrics)) {
      counts.metricsDropped += 1
      warnings.warn(drop.message, cause: "\(drop)")
    }
  }

  /// Counts a misuse, warns once, and answers false.
  @discardableResult
  func misuse(_ misuse: Misuse, block: Int? = nil) -> Bool {
    counts.misuses += 1
    let place = block.map { "block \($0): " } ?? ""
    warnings.warn(place + misuse.message, cause: "\(misuse)")
    return false
  }

  /// Charges what `body` takes to the recorder.
  func timed(_ body: () -> Void) {
    let start = clock.monotonic()
    body()
    cost += clock.monotonic() - start
  }

  private static var hostName: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
    return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
