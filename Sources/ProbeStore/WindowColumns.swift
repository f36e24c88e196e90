import ProbeCore

/// The columns that an analysis needs of each record in its window, read one by one.
///
/// A window holds a hundred thousand records and more, and each column of each takes time: other
/// columns are left out, and these do not go through the key paths of ``StatisticsColumns``.
enum WindowColumns {
  static let names =
    gapNames + ["identity_gap_p90"]
    + ["residual_ratio_n", "residual_ratio_p50", "residual_ratio_p90"]
    + StatisticsColumns.momentsColumns("cosine")
    + StatisticsColumns.momentsColumns("taylor_importance")

  /// Those of them that verdicts rest on.
  static let gapNames = [
    "samples", "dropped", "undefined", "non_finite", "identity_gap_n", "identity_gap_p50",
    "identity_gap_histogram", "constant_fraction_n", "constant_fraction",
    "perpendicular_ratio_n", "perpendicular_ratio_mean", "angular_distance_n",
    "angular_distance_mean",
  ]

  /// A row's statistics of the block with this ordinal; the other statistics stay empty.
  static func read(_ ordinal: Int, from statement: inout StatementHandle) -> BlockStatistics {
    var statistics = BlockStatistics(ordinal: ordinal)
    statistics.samples = statement.nextCount()
    statistics.dropped = statement.nextCount()
    statistics.undefined = statement.nextCount()
    statistics.nonFinite = statement.nextCount()
    statistics.identityGap.n = statement.nextCount()
    statistics.identityGap.p50 = statement.nextDouble()
    statistics.identityGapHistogram = statement.nextHistogram()
    statistics.constantFraction = statement.nextFraction()
    statistics.perpendicularRatio = statement.nextMean()
    statistics.angularDistance = statement.nextMean()
    statistics.identityGap.p90 = statement.nextDouble()
    statistics.residualRatio.n = statement.nextCount()
    statistics.residualRatio.p50 = statement.nextDouble()
    statistics.residualRatio.p90 = statement.nextDouble()
    statistics.cosine = statement.nextMoments()
    statistics.taylorImportance = statement.nextMoments()
    return statistics
  }

  /// A row of ``gapNames``.
  static func readGap(_ step: Int, from statement: inout StatementHandle) -> GapRecord {
    var record = GapRecord(step: step)
    record.samples = statement.nextCount()
    record.dropped = statement.nextCount()
    record.undefined = statement.nextCount()
    record.nonFinite = statement.nextCount()
    record.gapSamples = statement.nextCount()
    record.gap = statement.nextDouble()
    record.gapHistogram = statement.nextHistogram()
    record.constant = statement.nextFraction()
    record.turned = statement.nextFraction()
    record.angle = statement.nextFraction()
    return record
  }
}
