public import ProbeCore

/// What is counted as a block's part in the work when depth is measured (Depth.md).
public enum DepthScore: String, Sendable, CaseIterable {
  /// What removing the block alone did to the loss of the probe set; a change below 0 counts 0.
  case ablation
  /// The mean of |⟨n·g, F⟩|.
  case taylorImportance = "taylor_importance"
  /// The mean of 1 − cos(x, y).
  case blockInfluence = "block_influence"
  /// The mean over records of the squared median gap.
  case identityGapSquared = "identity_gap_squared"

  /// The influence below which a block turns nothing that float32 could tell.
  public static let roundingOfInfluence = 1e-12

  /// The score of a block, 0 or more; nil where it is not known.
  ///
  /// Means are taken over the block's `recent` records, else of the latest one, as a ``Predictor``'s.
  /// An influence below 1e-12, an angle of a millionth, is rounding and counts 0.
  /// A block without which a sample's loss was not finite has no ablation score: its cost has no number.
  /// Complexity: O(records).
  public func value(of block: BlockHistory, ablation: Ablation?) -> Double? {
    let value: Double? =
      switch self {
      case .ablation: ablation?.loss?.value
      case .taylorImportance: Predictor.taylorImportance.value(of: block)
      case .blockInfluence: Predictor.blockInfluence.value(of: block)
      case .identityGapSquared:
        block.recentMean { $0.identityGap.n > 0 ? $0.identityGap.p50.map { $0 * $0 } : nil }
      }
    let floor = self == .blockInfluence ? Self.roundingOfInfluence : 0
    return value.flatMap { $0.isFinite ? ($0 < floor ? 0 : $0) : nil }
  }
}

extension BlockHistory {
  /// The mean of a statistic over the `recent` records, else of the latest one; nil without a finite value.
  func recentMean(_ value: (BlockStatistics) -> Double?) -> Double? {
    let records = recent.isEmpty ? [latest].compactMap(\.self) : recent
    let values = records.compactMap { value($0.statistics) }.filter(\.isFinite)
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
