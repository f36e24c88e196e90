public import ProbeCore
import RealModule

/// What may say, before any block is ablated, which blocks matter more (Skill.md).
public enum Predictor: String, Sendable, CaseIterable {
  /// The mean of |⟨n·g, F⟩|.
  case taylorImportance = "taylor_importance"
  /// The geometric mean of the records' median ratio.
  case residualRatio = "residual_ratio"
  /// The geometric mean of the records' median gap.
  case identityGap = "identity_gap"
  /// The mean of 1 − cos(x, y).
  case blockInfluence = "block_influence"
  /// The mean of ⟨n·g, F⟩ with its sign.
  case taylorSignedMean = "taylor_signed_mean"
  /// The root mean square of the gate.
  case gateRMS = "gate_rms"
  /// ‖θ‖.
  case weightNorm = "weight_norm"
  /// How early the block comes: the ordinal with its sign turned, so that the first is the greatest.
  case position

  /// What it says of a block: the mean over its `recent` records, else over the latest one.
  ///
  /// Geometric means count values below 2⁻²⁰ as 2⁻²⁰ and are given as logarithms, which changes no
  /// order. Nil where no record has a finite value. Complexity: O(records).
  public func value(of block: BlockHistory) -> Double? {
    let records = block.recent.isEmpty ? [block.latest].compactMap(\.self) : block.recent
    func mean(_ value: (BlockStatistics) -> Double?) -> Double? {
      let values = records.compactMap { value($0.statistics) }.filter(\.isFinite)
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    return switch self {
    case .taylorImportance: mean { Self.mean($0.taylorImportance) }
    case .residualRatio: mean { Self.logarithm($0.residualRatio) }
    case .identityGap: mean { Self.logarithm($0.identityGap) }
    case .blockInfluence: mean { Self.mean($0.blockInfluence) }
    case .taylorSignedMean: mean(\.taylorSignedMean)
    case .gateRMS: mean(\.gateRMS)
    case .weightNorm: mean(\.weightNorm)
    case .position: -Double(block.block.ordinal)
    }
  }

  private static func mean(_ moments: Moments) -> Double? { moments.n > 0 ? moments.mean : nil }

  private static func logarithm(_ distribution: LogDistribution) -> Double? {
    guard distribution.n > 0, let median = distribution.p50, median.isFinite else { return nil }
    return .log(max(median, GapSeries.floor))
  }
}
