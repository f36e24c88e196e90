import ProbeCore

extension ResnetProbe_V1_Frame {
  init(_ frame: Frame) {
    self.init()
    step = UInt64(frame.step)
    wallTime = frame.wallTime
    if let value = frame.loss { loss = value }
    if let value = frame.learningRate { learningRate = value }
    if let value = frame.lossScale { lossScale = value }
    skipped = frame.skipped
    recorderSeconds = frame.recorderSeconds
    droppedFrames = UInt64(frame.droppedFrames)
    blocks = frame.blocks.map { .init($0) }
    metrics = frame.metrics.map { .init($0) }
  }

  func value() throws(WireError) -> Frame {
    var frame = Frame(
      step: try RecordCodec.count(step, "step"), wallTime: try RecordCodec.time(wallTime, "time"))
    frame.loss = hasLoss ? loss : nil
    frame.learningRate = hasLearningRate ? learningRate : nil
    frame.lossScale = hasLossScale ? lossScale : nil
    frame.skipped = skipped
    guard recorderSeconds.isFinite, recorderSeconds >= 0 else {
      throw .impossible("a recorder's cost of \(recorderSeconds) s")
    }
    frame.recorderSeconds = recorderSeconds
    frame.droppedFrames = try RecordCodec.samples(droppedFrames, "number of dropped frames")
    frame.blocks.reserveCapacity(blocks.count)
    var last = -1
    for block in blocks {
      guard Int(block.ordinal) > last else {
        throw .impossible("block \(block.ordinal) after block \(last)")
      }
      last = Int(block.ordinal)
      frame.blocks.append(try block.value())
    }
    frame.metrics = try ResnetProbe_V1_Metric.values(metrics)
    return frame
  }
}

extension ResnetProbe_V1_Metric {
  init(_ metric: Metric) {
    self.init()
    key = metric.key
    value = metric.value
  }

  static func values(_ metrics: [ResnetProbe_V1_Metric]) throws(WireError) -> [Metric] {
    var values: [Metric] = []
    values.reserveCapacity(metrics.count)
    for metric in metrics {
      let key = try RecordCodec.text(
        metric.key, "metric key", limit: Metric.maximumKeyLength, least: 1)
      values.append(Metric(key: key, value: metric.value))
    }
    return values
  }
}
