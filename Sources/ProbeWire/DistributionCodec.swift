import ProbeCore

extension ResnetProbe_V1_Moments {
  /// Nil for an empty sample, which is left out of the message.
  init?(_ moments: Moments) {
    guard moments.n > 0 else { return nil }
    self.init()
    n = UInt64(moments.n)
    mean = moments.mean
    m2 = moments.m2
  }

  func value(_ statistic: String) throws(WireError) -> Moments {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    guard let moments = Moments(n: n, mean: mean, m2: m2) else {
      throw .impossible(
        "moments of \(statistic) that no sample has (n \(n), mean \(mean), m2 \(m2))")
    }
    return moments
  }
}

extension ResnetProbe_V1_LogDistribution {
  init(_ value: LogDistribution) {
    self.init()
    n = UInt64(value.n)
    if let moments = ResnetProbe_V1_Moments(value.logs) { logs = moments }
    if let number = value.p50 { p50 = number }
    if let number = value.p90 { p90 = number }
    if let number = value.p99 { p99 = number }
    if let number = value.max { max = number }
  }

  func value(_ statistic: String) throws(WireError) -> LogDistribution {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    let logs = try self.logs.value("\(statistic)_log")
    guard logs.n <= n else { throw .impossible("more logarithms than values of \(statistic)") }
    let percentiles = [
      hasP50 ? p50 : nil, hasP90 ? p90 : nil, hasP99 ? p99 : nil, hasMax ? max : nil,
    ]
    let known = percentiles.compactMap { $0 }
    guard known.count == (n == 0 ? 0 : 4), known.allSatisfy({ $0.isFinite && $0 >= 0 }),
      zip(known, known.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw .impossible("percentiles of \(statistic) that no sample has") }
    return LogDistribution(
      n: n, logs: logs, p50: percentiles[0], p90: percentiles[1], p99: percentiles[2],
      max: percentiles[3])
  }
}

extension ResnetProbe_V1_Histogram {
  init(_ histogram: GapHistogram) {
    self.init()
    slots = histogram.entries.map { UInt32($0.slot) }
    counts = histogram.entries.map { UInt64($0.samples) }
  }

  func value() throws(WireError) -> GapHistogram {
    guard slots.count == counts.count, slots.allSatisfy({ $0 < GapHistogram.slotCount }),
      zip(slots, slots.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw .impossible("a histogram whose slots are not slots") }
    var histogram = GapHistogram()
    for (slot, samples) in zip(slots, counts) {
      histogram.count(
        try RecordCodec.samples(samples, "histogram count"), inSlot: Int(slot))
    }
    return histogram
  }
}

extension ResnetProbe_V1_Pooled {
  init(n: Int, value: Double) {
    self.init()
    self.n = UInt64(n)
    self.value = value
  }

  /// Count and value; the value must be finite and not negative.
  func checked(_ statistic: String) throws(WireError) -> (n: Int, value: Double) {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    guard n > 0, value.isFinite, value >= 0 else {
      throw .impossible("\(statistic) of \(value) over \(n)")
    }
    return (n, value)
  }

  /// A share; an unbiased estimate may be below 0.
  func fraction(_ statistic: String) throws(WireError) -> Fraction {
    let n = try RecordCodec.samples(n, "\(statistic)_n")
    guard n > 0, value.isFinite else { throw .impossible("\(statistic) of \(value) over \(n)") }
    return Fraction(n: n, value: value)
  }
}
