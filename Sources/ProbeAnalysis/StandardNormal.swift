import RealModule

/// The normal distribution with mean 0 and variance 1.
public enum StandardNormal {
  /// P(Z ≤ z); the lower tail keeps its relative precision.
  public static func cumulative(_ z: Double) -> Double {
    .erfc(-z / .sqrt(2)) / 2
  }

  /// The z with P(Z ≤ z) = `probability`; infinite at 0 and 1, which are the limits.
  public static func quantile(_ probability: Double) -> Double {
    precondition((0...1).contains(probability), "a probability lies in 0 to 1")
    if probability == 0.5 { return 0 }
    if probability > 0.5 { return -quantile(1 - probability) }
    if probability == 0 { return -.infinity }
    return MonotoneRoot.find(from: -39, to: 0) { z in
      (cumulative(z) - probability, .exp(-z * z / 2) / .sqrt(2 * .pi))
    }
  }
}
