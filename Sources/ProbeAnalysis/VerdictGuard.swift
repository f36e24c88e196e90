import ProbeCore

/// What forbids any verdict from a window's records (the guards of Verdicts.md).
enum VerdictGuard {
  /// The first reason why the records decide nothing; nil where they may.
  ///
  /// In this order: values that are not finite, too many samples masked, too few records with a
  /// gap, too few samples with a gap.
  static func missing(
    in records: [some GapRecorded], of block: Block, settings: VerdictSettings
  ) -> Missing? {
    if let first = records.firstIndex(where: { $0.nonFinite > 0 }) {
      let samples = records.reduce(0) { $0 + $1.nonFinite }
      return .finiteValues(firstStep: records[first].step, samples: samples)
    }
    if let share = maskedShare(of: records, block) { return .unmaskedSamples(share: share) }
    var measured = 0
    var samples = 0
    for record in records where record.medianGap != nil {
      measured += 1
      samples += record.gapSamples
    }
    if measured < settings.minimumRecords {
      return .records(have: measured, need: settings.minimumRecords)
    }
    if samples < settings.minimumSamples {
      return .samples(have: samples, need: settings.minimumSamples)
    }
    return nil
  }

  /// The share of samples dropped or undefined, where too few are left to stand for all.
  ///
  /// Stochastic depth drops samples by lot, which biases nothing: what its configured probability
  /// explains is expected, and more than half of the rest must be left.
  private static func maskedShare(of records: [some GapRecorded], _ block: Block) -> Double? {
    let samples = records.reduce(0) { $0 + $1.samples }
    let masked = records.reduce(0) { $0 + $1.dropped + $1.undefined }
    let expected = Double(samples) * (1 - (block.dropProbability ?? 0))
    guard Double(samples - masked) < expected / 2 else { return nil }
    return Double(masked) / Double(samples)
  }
}
