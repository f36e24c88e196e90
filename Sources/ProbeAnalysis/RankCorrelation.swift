import RealModule

/// Spearman's rank correlation of pairs of numbers, with its approximate bounds (Skill.md).
///
/// ρ is Pearson's correlation of the ranks; equal values share the mean of their ranks. Strictly
/// increasing transforms of either side leave it unchanged, a decreasing one turns its sign, and the
/// order of the pairs does not matter.
///
/// Source: Spearman 1904; the bounds are those of Bonett and Wright 2000.
public struct RankCorrelation: Sendable, Hashable {
  /// ρ, −1 … 1.
  public let value: Double
  /// The number of pairs.
  public let pairs: Int

  /// The fewest pairs that a correlation is computed from: Fisher's z has no error below.
  public static let leastPairs = 4

  /// The correlation of `x` and `y`, which are of one length.
  ///
  /// Nil below ``leastPairs`` pairs, where a number is not finite, and where one side is constant: it
  /// orders nothing. Complexity: O(n log n).
  public init?(_ x: [Double], _ y: [Double]) {
    precondition(x.count == y.count, "a correlation is of pairs")
    guard x.count >= Self.leastPairs, (x + y).allSatisfy(\.isFinite) else { return nil }
    let (a, b) = (Self.midRanks(x), Self.midRanks(y))
    // Mid-ranks are multiples of a half with the mean (n + 1)/2: the sums below are exact.
    let middle = Double(x.count + 1) / 2
    func sum(_ p: [Double], _ q: [Double]) -> Double {
      zip(p, q).reduce(0) { $0 + ($1.0 - middle) * ($1.1 - middle) }
    }
    let (squaresA, squaresB) = (sum(a, a), sum(b, b))
    guard squaresA > 0, squaresB > 0 else { return nil }
    value = max(-1, min(1, sum(a, b) / .sqrt(squaresA * squaresB)))
    pairs = x.count
  }

  /// The ranks of finite values from 1 on, the smallest first; equal values share the mean of theirs.
  public static func midRanks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = values
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
      start = end
    }
    return ranks
  }

  /// The two-sided interval of ρ, each bound with this one-sided confidence; approximate.
  ///
  /// tanh(artanh ρ ± z √((1 + ρ²/2)/(n − 3))). A perfect order would have no width: |ρ| counts as at
  /// most 1 − 6/(n³ − n), halfway to the next value that n pairs without ties can have. It takes the
  /// pairs as drawn at random; the blocks of one network are not, so read it as a rough width.
  public func bounds(confidence: Double) -> ClosedRange<Double> {
    let n = Double(pairs)
    let most = 1 - 6 / (n * n * n - n)
    let rho = max(-most, min(most, value))
    let centre = Double.atanh(rho)
    let error = Double.sqrt((1 + rho * rho / 2) / (n - 3))
    let width = StandardNormal.quantile(confidence).magnitude * error
    let (lower, upper) = (Double.tanh(centre - width), Double.tanh(centre + width))
    return min(lower, value)...max(upper, value)
  }
}

extension RankCorrelation {
  /// The correlation of x and y where what z says of both is taken out: the partial rank correlation.
  ///
  /// (ρ_xy − ρ_xz ρ_yz)/√((1 − ρ_xz²)(1 − ρ_yz²)), from three rank correlations over the same pairs.
  /// Nil where z orders one of them completely: nothing is left to explain.
  ///
  /// Source: Kendall 1942, with Spearman's ρ.
  public static func partial(xy: Double, xz: Double, yz: Double) -> Double? {
    let left = (1 - xz * xz) * (1 - yz * yz)
    guard left > 1e-12 else { return nil }
    return max(-1, min(1, (xy - xz * yz) / .sqrt(left)))
  }

  /// The reliability of a whole from the correlation r of its two halves: 2r/(1 + r).
  ///
  /// Nil where r ≤ 0: halves that disagree tell of nothing that could be predicted.
  ///
  /// Source: Spearman 1910; Brown 1910.
  public static func spearmanBrown(halves r: Double) -> Double? {
    r > 0 ? 2 * r / (1 + r) : nil
  }
}
