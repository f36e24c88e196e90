internal import Glibc

/// What the five sums of a sample say of its change (Statistics.md).
package struct SampleGeometry: Sendable, Hashable {
  /// √(b/a): the residual ratio.
  package var ratio: Double
  /// c/√(ab), clamped to −1 … 1; nil where F = 0.
  package var cosine: Double?
  /// √(q/a): the identity gap.
  package var gap: Double
  /// √max(0, q − r²/a)/√a: the part of the change that turns x.
  package var perpendicular: Double
  /// The angle between x and y over π; nil where y = 0, which has no direction.
  package var angle: Double?

  /// 2 sin²(πθ/2) = 1 − cos(x, y); nil where y = 0.
  package var influence: Double? {
    angle.map { angle in
      let half = sin(.pi * angle / 2)
      return 2 * half * half
    }
  }

  /// The geometry of a sample with finite sums; nil where x = 0, which leaves all of it undefined.
  ///
  /// Source: Gromov 2024 for the angle, in atan2 form since arccos is useless near 0.
  package init?(_ sums: SampleSums) {
    guard sums.a > 0 else { return nil }
    let norm = sums.a.squareRoot()
    ratio = (sums.b / sums.a).squareRoot()
    gap = (sums.q / sums.a).squareRoot()
    if sums.b > 0 {
      cosine = min(1, max(-1, sums.c / (norm * sums.b.squareRoot())))
    }
    let turning = max(0, sums.q - sums.r * sums.r / sums.a).squareRoot()
    perpendicular = turning / norm
    let erased = sums.r == -sums.a && sums.q == sums.a
    if !erased { angle = atan2(turning, norm + sums.r / norm) / .pi }
  }
}
