/// What a recorder did and could not do so far.
public struct RecorderCounts: Sendable, Hashable {
  /// The frames written.
  public internal(set) var framesWritten = 0
  /// The frames dropped: for want of room, for a failed write, or since their step was never ended.
  public internal(set) var framesDropped = 0
  /// The metrics records dropped.
  public internal(set) var metricsDropped = 0
  /// The records of examinations dropped.
  public internal(set) var examinedDropped = 0
  /// The calls that could not be followed; each cause was warned of once.
  public internal(set) var misuses = 0
  /// The per-sample values that percentiles did not see, being more than a recorder holds.
  public internal(set) var valuesPassedOver = 0

  /// Nothing so far.
  package init() {}
}
