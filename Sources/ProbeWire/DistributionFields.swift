import ProbeCore

/// The message `Moments` as it is read.
struct MomentsFields: FieldMessage {
  private(set) var n: UInt64 = 0
  private var mean = 0.0
  private var m2 = 0.0

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&n, field)
    case 2: try reader.read(&mean, field)
    case 3: try reader.read(&m2, field)
    default: try reader.skip(field)
    }
  }

  func value(_ statistic: @autoclosure () -> String) throws(WireError) -> Moments {
    try RecordCodec.moments(n: n, mean: mean, m2: m2, of: statistic())
  }
}

/// The message `LogDistribution` as it is read.
struct LogDistributionFields: FieldMessage {
  private var n: UInt64 = 0
  private var logs = MomentsFields()
  private var p50: Double?
  private var p90: Double?
  private var p99: Double?
  private var max: Double?

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&n, field)
    case 2: try reader.read(&logs, field)
    case 3: try reader.read(&p50, field)
    case 4: try reader.read(&p90, field)
    case 5: try reader.read(&p99, field)
    case 6: try reader.read(&max, field)
    default: try reader.skip(field)
    }
  }

  func value(_ statistic: String) throws(WireError) -> LogDistribution {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    let logs = try logs.value("\(statistic)_log")
    guard logs.n <= n else { throw .impossible("more logarithms than values of \(statistic)") }
    switch (p50, p90, p99, max) {
    case (nil, nil, nil, nil) where n == 0: break
    case (let p50?, let p90?, let p99?, let max?)
    where n > 0 && 0 <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max && max.isFinite: break
    default: throw .impossible("percentiles of \(statistic) that no sample has")
    }
    return LogDistribution(n: n, logs: logs, p50: p50, p90: p90, p99: p99, max: max)
  }
}

/// The message `Histogram` as it is read.
struct HistogramFields: FieldMessage {
  private var slots: [UInt64] = []
  private var counts: [UInt64] = []

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&slots, field)
    case 2: try reader.read(&counts, field)
    default: try reader.skip(field)
    }
  }

  func value() throws(WireError) -> GapHistogram {
    guard slots.count == counts.count, slots.allSatisfy({ $0 < GapHistogram.slotCount }),
      zip(slots, slots.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw .impossible("a histogram whose slots are not slots") }
    var histogram = GapHistogram()
    histogram.reserve(slots: slots.count)
    for (slot, samples) in zip(slots, counts) {
      histogram.count(try RecordCodec.samples(samples, "histogram count"), inSlot: Int(slot))
    }
    return histogram
  }
}

/// The message `Pooled` as it is read.
struct PooledFields: FieldMessage {
  private var n: UInt64 = 0
  private var value = 0.0

  mutating func take(
    _ field: FieldReader.Field, _ reader: inout FieldReader
  ) throws(WireError) {
    switch field.number {
    case 1: try reader.read(&n, field)
    case 2: try reader.read(&value, field)
    default: try reader.skip(field)
    }
  }

  /// A root mean square, which is finite and not negative.
  func rms(_ statistic: String) throws(WireError) -> PooledRMS {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    guard n > 0, value.isFinite, value >= 0 else {
      throw .impossible("\(statistic) of \(value) over \(n)")
    }
    return PooledRMS(n: n, rms: value)
  }

  /// A share; an unbiased estimate may be below 0.
  func fraction(_ statistic: String) throws(WireError) -> Fraction {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    guard n > 0, value.isFinite else { throw .impossible("\(statistic) of \(value) over \(n)") }
    return Fraction(n: n, value: value)
  }
}
