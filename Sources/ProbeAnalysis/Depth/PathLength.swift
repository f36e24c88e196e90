public import ProbeCore

/// How many branches the gradient runs through on its way back (Depth.md).
///
/// A network of n residual blocks is 2ⁿ paths, each through some of the branches. Taken that block l
/// multiplies what runs through its branch by w, its `branch_gain`, and what runs past it by 1, a path
/// weighs the product of its w: the branches on a path drawn by weight are independent, block l's with
/// probability p = w/(1 + w).
///
/// Source: Veit, Wilber and Belongie 2016, section 5, who sample paths and measure them.
public struct PathLength: Sendable, Hashable {
  /// The mean number of branches on a path, Σp.
  public let mean: Double
  /// The standard deviation of that number over paths, √Σp(1 − p).
  public let spread: Double
  /// The residual blocks with a `branch_gain`: what the number is out of.
  public let counted: Int
  /// The residual blocks of the run.
  public let blocks: Int
  /// Each block's p by ordinal.
  public let shares: [Int: Double]

  /// Sums over the residual blocks of a run; nil where none has a `branch_gain`.
  ///
  /// w is the mean over the block's `recent` records, else of the latest one. Plain and dense blocks have
  /// no path past the branch. Complexity: O(recent records).
  public init?(_ blocks: [BlockHistory]) {
    let residual = blocks.filter { $0.block.kind == .residual }
    let shares = residual.compactMap { block in
      block.recentMean { $0.branchGain.n > 0 ? $0.branchGain.mean : nil }
        .map { (block.block.ordinal, Self.share(ofGain: max(0, $0))) }
    }
    guard !shares.isEmpty else { return nil }
    mean = shares.reduce(0) { $0 + $1.1 }
    spread = shares.reduce(0) { $0 + $1.1 * (1 - $1.1) }.squareRoot()
    counted = shares.count
    self.blocks = residual.count
    self.shares = Dictionary(shares, uniquingKeysWith: { $1 })
  }

  /// w/(1 + w), for the greatest w too.
  private static func share(ofGain gain: Double) -> Double { 1 - 1 / (1 + gain) }
}
