package import ProbeCore

/// The metrics logged for one step and not yet written.
///
/// The last value of a key counts.
package struct MetricBuffer: Sendable {
  /// The step that they belong to.
  package let step: Int
  /// The metrics in the order in which their keys first came.
  package private(set) var metrics: [Metric] = []
  private var places: [String: Int] = [:]

  /// No metrics yet.
  package init(step: Int) { self.step = step }

  /// Takes a metric; false where the key's length or the number of metrics forbids it.
  package mutating func log(_ key: String, _ value: Double) -> Bool {
    if let place = places[key] {
      metrics[place].value = value
      return true
    }
    guard (1...Metric.maximumKeyLength).contains(key.utf8.count),
      metrics.count < Metric.maximumCount
    else { return false }
    places[key] = metrics.count
    metrics.append(Metric(key: key, value: value))
    return true
  }
}
