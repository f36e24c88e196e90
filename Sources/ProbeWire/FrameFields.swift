import ProbeCore

/// The message `Frame` as it is read, once ``PayloadScan`` has counted its parts.
struct FrameFields: FieldMessage {
  private var step: UInt64 = 0
  private var wallTime = 0.0
  private var loss: Double?
  private var learningRate: Double?
  private var lossScale: Double?
  private var skipped: UInt64 = 0
  private var recorderSeconds = 0.0
  private var droppedFrames: UInt64 = 0
  private var blocks: [BlockStatistics] = []
  private var metrics: [Metric] = []

  /// The frame that the bytes are.
  static func frame(_ reader: FieldReader) throws(WireError) -> Frame {
    var reader = reader
    var fields = FrameFields()
    while let field = try reader.next() { try fields.take(field, &reader) }
    return try fields.value()
  }

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&step, field)
    case 2: try reader.read(&wallTime, field)
    case 3: try reader.read(&loss, field)
    case 4: try reader.read(&learningRate, field)
    case 5: try reader.read(&lossScale, field)
    case 6: try reader.read(&skipped, field)
    case 7: try reader.read(&recorderSeconds, field)
    case 8: try reader.read(&droppedFrames, field)
    case 9:
      var block: StatisticsFields?
      try reader.read(&block, field)
      if let block { try take(block) }
    case 10:
      var metric: MetricFields?
      try reader.read(&metric, field)
      if let metric { metrics.append(try metric.value()) }
    default: try reader.skip(field)
    }
  }

  private mutating func take(_ block: StatisticsFields) throws(WireError) {
    if let last = blocks.last?.ordinal, Int(block.ordinal) <= last {
      throw .impossible("block \(block.ordinal) after block \(last)")
    }
    blocks.append(try block.value())
  }

  private func value() throws(WireError) -> Frame {
    var frame = Frame(
      step: try RecordCodec.count(step, "step"), wallTime: try RecordCodec.time(wallTime, "time"))
    frame.loss = loss
    frame.learningRate = learningRate
    frame.lossScale = lossScale
    frame.skipped = skipped != 0
    guard recorderSeconds.isFinite, recorderSeconds >= 0 else {
      throw .impossible("a recorder's cost of \(recorderSeconds) s")
    }
    frame.recorderSeconds = recorderSeconds
    frame.droppedFrames = try RecordCodec.samples(droppedFrames, "number of dropped frames")
    frame.blocks = blocks
    frame.metrics = metrics
    return frame
  }
}

/// The message `Metric` as it is read.
struct MetricFields: FieldMessage {
  private var key = ""
  private var number = 0.0

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&key, field)
    case 2: try reader.read(&number, field)
    default: try reader.skip(field)
    }
  }

  func value() throws(WireError) -> Metric {
    let key = try RecordCodec.text(key, "metric key", limit: Metric.maximumKeyLength, least: 1)
    return Metric(key: key, value: number)
  }
}
