public import ProbeCore
public import ProbeWire

/// What the golden journals say, as values; written by Tests/Support/Oracles/golden_journals.py.
public enum Golden {
  /// The journal of all of them.
  public static let journal = Identity("101112131415161718191a1b1c1d1e1f")!

  /// The first segment.
  public static let segment = SegmentIdentity(journal: journal, segment: 0)

  /// The opening.
  public static let opened = RunOpened(
    run: Identity("202122232425262728292a2b2c2d2e2f")!,
    attempt: Identity("303132333435363738393a3b3c3d3e3f")!, name: "golden", project: "tests",
    startedAt: 1.75e9, plannedSteps: 200, recorder: "golden; recorder 0.1.0", host: "host",
    config: ["lr": "0.1"])

  /// The block map.
  public static let blocks = try! BlockMap([
    Block(
      ordinal: 0, name: "layer1.0", activation: .relu, shape: [64], parameters: 8448, macs: 8192),
    Block(
      ordinal: 1, name: "layer1.1", shortcut: .projection, stage: 1, gate: "layer1.1.gamma",
      dropProbability: 0.25),
  ])

  /// A frame of a step with this median gap in its first block.
  public static func frame(step: Int, gap: Double) -> Frame {
    var first = BlockStatistics(ordinal: 0)
    first.samples = 64
    first.microBatches = 1
    first.undefined = 1
    first.identityGap = LogDistribution(
      n: 63, logs: Moments(n: 60, mean: -3, m2: 1.5)!, p50: gap, p90: 2 * gap, p99: 3 * gap,
      max: 4 * gap)
    first.identityGapHistogram.count(60, inSlot: 60)
    first.identityGapHistogram.count(3, inSlot: GapHistogram.Special.zero.rawValue)
    first.identityGapHistogram.count(1, inSlot: GapHistogram.Special.undefined.rawValue)
    first.residualRatio = LogDistribution(
      n: 63, logs: Moments(n: 60, mean: -2.5, m2: 2)!, p50: gap, p90: 2 * gap, p99: 3 * gap,
      max: 5 * gap)
    first.cosine = Moments(n: 63, mean: -0.125, m2: 0.5)!
    first.streamRMS = PooledRMS(n: 4096, rms: 1.5)
    first.taylorImportance = Moments(n: 64, mean: 0.0078125, m2: 0.001)!
    first.taylorSignedMean = -0.001
    first.weightNorm = 12.5
    first.gradientNorm = 0.75
    var second = BlockStatistics(ordinal: 1)
    second.samples = 64
    second.microBatches = 1
    second.nonFinite = 64
    var frame = Frame(step: step, wallTime: 1.75e9 + Double(step))
    frame.loss = 2.25
    frame.learningRate = 0.1
    frame.recorderSeconds = 0.00025
    frame.blocks = [first, second]
    frame.metrics = [Metric(key: "accuracy", value: 0.5)]
    return frame
  }

  /// The records of complete.rpj.
  public static let records: [Record] = [
    .runOpened(opened), .blockMap(blocks), .frame(frame(step: 0, gap: 0.25)),
    .frame(frame(step: 10, gap: 0.0625)),
    .metrics(step: 11, [Metric(key: "lr \u{1b}[31m", value: 0.05)]),
    .attemptFinished(
      AttemptFinished(
        status: .completed, finishedAt: 1.75e9 + 500, lastStep: 199, droppedFrames: 0)),
  ]
}
