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
}

extension ResnetProbe_V1_Histogram {
  init(_ histogram: GapHistogram) {
    self.init()
    slots = histogram.entries.map { UInt32($0.slot) }
    counts = histogram.entries.map { UInt64($0.samples) }
  }
}

extension ResnetProbe_V1_Pooled {
  init(n: Int, value: Double) {
    self.init()
    self.n = UInt64(n)
    self.value = value
  }
}
