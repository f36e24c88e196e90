import RealModule

/// Wilson's bounds of a share that was counted (the spread of Verdicts.md).
public enum Wilson {
  /// The one-sided lower confidence bound of the probability behind `successes` of `trials`.
  ///
  /// (p̂ + z²/2n − z√(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n), z the normal quantile of `confidence`.
  /// With 52 of 52 it is the first time above 0.95 at a confidence of 0.95. No trials: 0.
  ///
  /// Source: Wilson 1927.
  public static func lowerBound(successes: Int, trials: Int, confidence: Double) -> Double {
    precondition((0...max(trials, 0)).contains(successes), "successes are some of the trials")
    guard trials > 0 else { return 0 }
    let n = Double(trials)
    let share = Double(successes) / n
    let z = StandardNormal.quantile(confidence)
    let spread = z * .sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0, (share + z * z / (2 * n) - spread) / (1 + z * z / n))
  }
}
