import ProbeCore

/// Whether two numbers differ by no more than a share of the greater (and of 1 at the least).
func agree(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
  abs(a - b) <= tolerance * max(1, abs(a), abs(b))
}

/// Whether two summaries have one count, and means and squared deviations that agree.
func agree(_ a: Moments, _ b: Moments, within tolerance: Double) -> Bool {
  a.n == b.n && agree(a.mean, b.mean, within: tolerance) && agree(a.m2, b.m2, within: tolerance)
}

extension Moments {
  /// The summary of some values, taken in one by one.
  init(of values: some Sequence<Double>) {
    self.init()
    for value in values { add(value) }
  }
}

/// Numbers that look random and are the same on every machine (a linear congruence of Knuth's).
struct Sequence64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
  }

  /// So many numbers between two bounds.
  mutating func numbers(_ count: Int, in range: ClosedRange<Double>) -> [Double] {
    (0..<count).map { _ in Double.random(in: range, using: &self) }
  }
}
