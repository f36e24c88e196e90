/// What the user said of a run beside its blocks: its configuration and the numbers it logged.
public struct RunNotes: Sendable, Hashable {
  /// The configuration as key and value, secrets redacted; not trusted to be printable.
  public var config: [String: String]
  /// The last value of each metric, by key.
  public var metrics: [FinalMetric]

  /// Notes; none where nothing is given.
  public init(config: [String: String] = [:], metrics: [FinalMetric] = []) {
    self.config = config
    self.metrics = metrics
  }
}

/// A metric at the end of a run: what was logged for it last, ranks merged.
public struct FinalMetric: Sendable, Hashable {
  /// The user's name for it; not trusted to be printable.
  public var key: String
  /// The mean over the ranks; NaN where one of them has NaN.
  public var value: Double
  /// The last step that it was logged at.
  public var step: Int

  /// A final metric.
  public init(key: String, value: Double, step: Int) {
    self.key = key
    self.value = value
    self.step = step
  }
}
