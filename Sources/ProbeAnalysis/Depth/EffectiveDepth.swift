public import ProbeCore
import RealModule

/// How many blocks do the work, by one score: as many equal ones would share it as evenly (Depth.md).
///
/// n equal scores give n, one score above 0 among zeros gives 1. Permuting the blocks and scaling all
/// scores change nothing. Participation counts large scores more than entropy does and is never the
/// greater of the two.
public struct EffectiveDepth: Sendable, Hashable {
  /// What the scores say.
  public enum Extent: Sendable, Hashable {
    /// No block has the score.
    case notMeasured
    /// All blocks that have it score 0: no share of the work can be told.
    case allZero
    /// (Σs)²/Σs² and exp(−Σ p ln p) with p = s/Σs, each 1 … the number of scores.
    case blocks(participation: Double, entropy: Double)
  }

  /// What was counted.
  public let score: DepthScore
  /// The blocks that have the score.
  public let counted: Int
  /// The blocks of the run.
  public let blocks: Int
  /// How many do the work.
  public let extent: Extent
  /// Each block's score over the sum of all, by ordinal; empty where the sum is 0.
  public let shares: [Int: Double]

  /// (Σs)²/Σs²; nil where the scores say nothing.
  public var participation: Double? {
    if case .blocks(let participation, _) = extent { participation } else { nil }
  }

  /// exp(−Σ p ln p); nil where the scores say nothing.
  public var entropy: Double? {
    if case .blocks(_, let entropy) = extent { entropy } else { nil }
  }

  /// Counts the blocks of a run by a score; `singles` are its ablations of single blocks by ordinal.
  ///
  /// Complexity: O(recent records).
  ///
  /// Source: the participation ratio of Bell and Dean 1970; the exponential of Shannon's entropy, Hill
  /// 1973 (orders 2 and 1).
  public init(_ score: DepthScore, of blocks: [BlockHistory], singles: [Int: Ablation] = [:]) {
    let scores = blocks.compactMap { block in
      score.value(of: block, ablation: singles[block.block.ordinal])
        .map { (ordinal: block.block.ordinal, value: $0) }
    }
    self.score = score
    self.blocks = blocks.count
    counted = scores.count
    let values = scores.map(\.value)
    extent = Self.extent(of: values)
    guard let greatest = values.max(), greatest > 0 else {
      shares = [:]
      return
    }
    let sum = values.reduce(0) { $0 + $1 / greatest }
    shares = Dictionary(
      scores.map { ($0.ordinal, $0.value / greatest / sum) }, uniquingKeysWith: { $1 })
  }

  /// What finite scores of 0 or more say, each first divided by the greatest so that no square is lost.
  public static func extent(of scores: [Double]) -> Extent {
    guard let greatest = scores.max() else { return .notMeasured }
    guard greatest > 0 else { return .allZero }
    let scaled = scores.map { $0 / greatest }
    let sum = scaled.reduce(0, +)
    let squares = scaled.reduce(0) { $0 + $1 * $1 }
    let entropy = scaled.reduce(0) { total, score in
      let share = score / sum
      return share > 0 ? total - share * .log(share) : total
    }
    return .blocks(participation: sum * sum / squares, entropy: .exp(entropy))
  }
}
