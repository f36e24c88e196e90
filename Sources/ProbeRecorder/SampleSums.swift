/// The five sums of one sample from which its statistics follow (Statistics.md).
///
/// x is the stream, F the branch as added, y = φ(x + F). Every sum is a Double, whatever it was
/// accumulated in.
package struct SampleSums: Sendable, Hashable {
  /// ‖x‖².
  package var a = 0.0
  /// ‖F‖².
  package var b = 0.0
  /// ⟨x, F⟩.
  package var c = 0.0
  /// ⟨x, y − x⟩.
  package var r = 0.0
  /// ‖y − x‖².
  package var q = 0.0

  /// Sums of nothing.
  package init() {}

  /// The sums of a sample that are known.
  package init(a: Double, b: Double, c: Double, r: Double, q: Double) {
    self.a = a
    self.b = b
    self.c = c
    self.r = r
    self.q = q
  }

  /// Whether every value of the sample was finite.
  var isFinite: Bool { a.isFinite && b.isFinite && c.isFinite && r.isFinite && q.isFinite }

  /// Adds the sums over other elements of the same sample.
  static func += (left: inout SampleSums, right: SampleSums) {
    left.a += right.a
    left.b += right.b
    left.c += right.c
    left.r += right.r
    left.q += right.q
  }
}

/// How a block's change y − x follows from the two buffers that a kernel reads.
///
/// The change is never computed as y minus x, which loses every digit where y ≈ x:
/// - identity φ: y − x = F by definition, exactly;
/// - ReLU: max(x + F, 0) − x = max(F, −x), exactly, in any precision.
///
/// So the gap is that of the block's function and not of its rounding; where rounding swallows F
/// in the stream's type, the absorbed fraction says so beside the gap. Had y been rounded to
/// float32 first, a gap of 1e-6 would carry up to 6 % of noise and one below 6e-8 would read zero.
package enum Change: Sendable, Hashable, CaseIterable {
  /// y = x + F; the second buffer is F.
  case branch
  /// y = max(x + F, 0); the second buffer is F.
  case rectified
  /// A plain block: the second buffer is y, and F := y − x.
  case difference

  /// The sums of one sample, exact to about 1e-7 of each sum's scale for every finite input.
  ///
  /// One float32 pass over the sample; a second one in Double where the first could not hold the
  /// sample: a square overflowed or is so small that float32 drops it, or the change is so nearly
  /// parallel to x that q − r²/a would be rounding. The sums are not finite only where a value is
  /// not. `width` may be 0.
  func sums(
    _ stream: UnsafePointer<Float>, _ other: UnsafePointer<Float>, width: Int
  ) -> SampleSums {
    let quick =
      switch self {
      case .branch: reduce(AddedLanes.self, stream, other, stream, count: width).unrectified
      case .rectified: reduce(RectifiedLanes.self, stream, other, stream, count: width)
      case .difference: reduce(ReplacedLanes.self, stream, other, stream, count: width).unrectified
      }
    if quick.heldInFloat(elements: width) && !quick.changeIsParallel { return quick }
    return preciseSums(stream, other, width: width)
  }

  /// The same sums with every element widened to Double before it is used.
  package func preciseSums(
    _ stream: UnsafePointer<Float>, _ other: UnsafePointer<Float>, width: Int
  ) -> SampleSums {
    var sums = SampleSums()
    for place in 0..<width {
      let x = Double(stream[place])
      let value = Double(other[place])
      let branch = self == .difference ? value - x : value
      let change = self == .rectified ? max(branch, -x) : branch
      sums.a += x * x
      sums.b += branch * branch
      sums.c += x * branch
      sums.r += x * change
      sums.q += change * change
    }
    return sums
  }
}

extension SampleSums {
  /// The mean square below which a float32 accumulator may have dropped squares: 2⁻⁹⁶.
  static let smallestHeld = 0x1p-96

  /// Whether float32 accumulators held every square: none overflowed, none vanished unseen.
  fileprivate func heldInFloat(elements: Int) -> Bool {
    let least = Double(elements) * Self.smallestHeld
    return a.isFinite && b.isFinite && q.isFinite && a >= least && b >= least && q >= least
  }

  /// Whether y − x lies within about 7° of x or −x, so that q − r²/a cancels in float32.
  fileprivate var changeIsParallel: Bool { q - r * r / a < q / 64 }

  /// Where the change is F itself: r = c and q = b.
  fileprivate var unrectified: SampleSums { SampleSums(a: a, b: b, c: c, r: c, q: b) }
}
