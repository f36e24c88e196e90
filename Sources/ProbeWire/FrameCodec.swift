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
