import RealModule

/// Student's t distribution.
///
/// Source: Student 1908; the distribution function is DLMF 8.17 with x = ν/(ν + t²).
public struct StudentT: Sendable {
  /// ν, a real number of at least 1.
  public let degreesOfFreedom: Double
  private let beta: IncompleteBeta
  private let logPeak: Double

  /// The distribution with ν degrees of freedom; ν below 1 is a programmer's error.
  public init(degreesOfFreedom: Double) {
    precondition(
      degreesOfFreedom >= 1 && degreesOfFreedom.isFinite,
      "Student's t is used with finite degrees of freedom of at least 1")
    self.degreesOfFreedom = degreesOfFreedom
    beta = IncompleteBeta(a: degreesOfFreedom / 2, b: 0.5)
    logPeak =
      .logGamma((degreesOfFreedom + 1) / 2) - .logGamma(degreesOfFreedom / 2)
      - .log(degreesOfFreedom * .pi) / 2
  }

  /// The density at `t`.
  public func density(_ t: Double) -> Double {
    .exp(logPeak - (degreesOfFreedom + 1) / 2 * .log(onePlus: t * t / degreesOfFreedom))
  }

  /// P(T ≤ t); 0 and 1 at the infinities, NaN at NaN.
  ///
  /// The lower tail keeps its relative precision: `cumulative(-50)` is small, not 0.
  public func cumulative(_ t: Double) -> Double {
    if t.isNaN { return .nan }
    if t.isInfinite { return t < 0 ? 0 : 1 }
    let ratio = t * t / degreesOfFreedom
    let inverse = degreesOfFreedom / t / t
    let x = ratio < 1 ? 1 / (1 + ratio) : inverse / (1 + inverse)
    let complement = ratio < 1 ? ratio / (1 + ratio) : 1 / (1 + inverse)
    let tail = beta.regularized(x, complement: complement) / 2
    return t < 0 ? tail : 1 - tail
  }

  /// The t with P(T ≤ t) = `probability`; infinite at 0 and 1, which are the limits.
  public func quantile(_ probability: Double) -> Double {
    precondition((0...1).contains(probability), "a probability lies in 0 to 1")
    if probability == 0.5 { return 0 }
    if probability > 0.5 { return -quantile(1 - probability) }
    if probability == 0 { return -.infinity }
    var lower = -1.0
    while cumulative(lower) > probability { lower *= 2 }
    return MonotoneRoot.find(from: lower, to: 0) {
      (cumulative($0) - probability, density($0))
    }
  }
}
