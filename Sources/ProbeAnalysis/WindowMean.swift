import ProbeCore

/// The mean of a statistic over a window with its one-sided bounds: the interval that gaps have, on the
/// values as they are (Verdicts.md).
struct WindowMean {
  /// The mean over the records.
  let value: Double
  /// What the mean exceeds, with the settings' confidence; nil where it was not asked for.
  let lower: Double?
  /// What the mean stays below, with the settings' confidence; nil where it was not asked for.
  let upper: Double?

  /// Looks at a block's values in order; nil where they are fewer than decide.
  ///
  /// Bounds take time, and are sought only where the mean itself lies `beyond` what they are held against.
  init?(_ values: [Double], beyond: (Double) -> Bool, _ settings: VerdictSettings) {
    guard values.count >= max(2, settings.minimumRecords) else { return nil }
    value = values.reduce(0, +) / Double(values.count)
    let interval = beyond(value) ? AutoregressiveInterval(values) : nil
    lower = interval?.lowerBound(confidence: settings.confidence)
    upper = interval?.upperBound(confidence: settings.confidence)
  }
}
