import ProbeCore

/// A record in which every one of `samples` samples has the same gap.
func record(_ step: Int, gap: Double, samples: Int = 64, taylor: Double? = nil) -> BlockRecord {
  var statistics = BlockStatistics(ordinal: 0)
  statistics.samples = samples
  statistics.microBatches = 1
  statistics.identityGap = LogDistribution(
    n: samples, logs: Moments(), p50: gap, p90: gap, p99: gap, max: gap)
  statistics.identityGapHistogram.count(samples, inSlot: GapHistogram.slot(of: gap))
  if let taylor { statistics.taylorImportance = Moments(n: samples, mean: taylor, m2: 0)! }
  return BlockRecord(step: step, statistics: statistics)
}

/// A gap that wavers by 5 % from record to record.
func wavering(_ gap: Double, count: Int = 100) -> [Double] {
  (0..<count).map { gap * [1.0, 1.05, 0.96, 1.02, 0.95][$0 % 5] }
}

/// A block whose records come every `every` steps from step 0 on, at a constant learning rate.
func blockHistory(
  _ ordinal: Int = 0, gaps: [Double], every: Int = 10, shortcut: Block.Shortcut = .identity,
  epsilon: Double = 0.05
) -> BlockHistory {
  let records = gaps.enumerated().map { record($0.offset * every, gap: $0.element) }
  let last = gaps.lastIndex { $0 >= 2 * epsilon }
  let crossing =
    last.map { index in
      LastCrossing.last(
        step: index * every, next: index + 1 < gaps.count ? (index + 1) * every : nil)
    } ?? .never
  return BlockHistory(
    block: Block(ordinal: ordinal, name: "blocks.\(ordinal)", shortcut: shortcut),
    first: records.first, latest: records.last, window: records, crossing: crossing)
}

/// A run of blocks with as many steps as the longest of them has records.
func history(_ blocks: [BlockHistory], every: Int = 10, rate: Double? = 0.1) -> History {
  let count = blocks.map { ($0.latest?.step ?? -every) / every + 1 }.max() ?? 0
  return History(
    run: RunSummary(id: 1, uuid: Identity(bytes: [UInt8](repeating: 7, count: 16))!, name: "run"),
    steps: (0..<count).map { StepSummary(step: $0 * every, learningRate: rate) },
    blocks: blocks)
}
