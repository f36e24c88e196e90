import ProbeCore

/// A block whose records at steps 0, 10, 20 … are given by a rule; all of them recent.
func measured(
  _ block: Block, count: Int = 40, reference: Int? = 5,
  _ change: (_ index: Int, inout BlockStatistics) -> Void
) -> BlockHistory {
  let records = (0..<count).map { index in
    var record = record(index * 10, gap: 0.2)
    record.statistics.ordinal = block.ordinal
    change(index, &record.statistics)
    return record
  }
  return BlockHistory(
    block: block, first: records.first, reference: reference.map { records[$0] },
    latest: records.last, window: records, recent: records)
}

/// A residual block of this ordinal.
func residual(_ ordinal: Int, stage: Int = 0, drop: Double? = nil) -> Block {
  Block(ordinal: ordinal, name: "blocks.\(ordinal)", stage: stage, dropProbability: drop)
}

/// An examination of single blocks: what removing each did to the loss, over all and both halves.
func examined(
  _ changes: [Int: Double?], even: [Int: Double] = [:], odd: [Int: Double] = [:], step: Int = 400,
  planned: Int? = nil
) -> Ablations {
  let examination = Examination(
    identity: Identity(bytes: [UInt8](repeating: 9, count: 16))!, step: step, samples: 360,
    planned: planned ?? changes.count, baseLoss: 0.1)
  return Ablations(
    examination,
    changes.sorted { $0.key < $1.key }.map { ordinal, change in
      var ablation = Ablation(
        ordinals: [ordinal], wallTime: 0,
        lossChanges: Moments(n: 360, mean: change ?? 0, m2: 1)!)
      if let change {
        ablation.loss = .init(value: change, lower: change - 0.01, upper: change + 0.01)
        ablation.halves = .init(even: even[ordinal] ?? change, odd: odd[ordinal] ?? change)
      } else {
        ablation.nonFinite = 1
      }
      return ablation
    })
}
