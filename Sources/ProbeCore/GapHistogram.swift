/// How the samples of one step spread over the identity gap, on a logarithmic scale.
///
/// Ninety-six regular bins cover 2⁻²⁰ … 2⁴ with four bins per octave: bin `i` holds gaps in
/// [2^(−20 + i/4), 2^(−20 + (i+1)/4)). Five more count what lies outside. Histograms of ranks,
/// micro-batches and steps add.
public struct GapHistogram: Sendable, Hashable {
  /// The number of regular bins.
  public static let binCount = 96
  /// The binary logarithm of the lower edge of bin 0.
  public static let lowestExponent = -20.0

  /// What a slot beyond the regular bins counts.
  public enum Special: Int, Sendable, CaseIterable {
    /// Gaps of exactly zero.
    case zero = 96
    /// Gaps above zero and below 2⁻²⁰.
    case under = 97
    /// Gaps of 2⁴ and above.
    case over = 98
    /// Samples whose stream is zero.
    case undefined = 99
    /// Samples with a value that is not finite.
    case nonFinite = 100
  }

  /// The number of slots: regular bins and special ones.
  public static let slotCount = 101

  /// The counts by slot, only those above zero.
  public private(set) var counts: [Int: Int] = [:]

  /// An empty histogram.
  public init() {}

  /// Whether nothing has been counted.
  public var isEmpty: Bool { counts.isEmpty }

  /// The lower edge of a regular bin, as a gap.
  public static func lowerEdge(ofBin bin: Int) -> Double {
    let quarter = [1, 1.189207115002721, 1.4142135623730951, 1.681792830507429]
    let (octave, part) = bin.quotientAndRemainder(dividingBy: 4)
    return quarter[part] * Double(sign: .plus, exponent: octave - 20, significand: 1)
  }

  /// The slot of a finite gap that is not negative.
  public static func slot(of gap: Double) -> Int {
    if gap == 0 { return Special.zero.rawValue }
    let exponent = Int(gap.exponent)
    if exponent < -20 { return Special.under.rawValue }
    if exponent >= 4 { return Special.over.rawValue }
    let significand = gap.significand
    let part =
      significand < 1.189207115002721
      ? 0 : significand < 1.4142135623730951 ? 1 : significand < 1.681792830507429 ? 2 : 3
    return (exponent + 20) * 4 + part
  }

  /// Counts samples in a slot; slots outside 0 ..< `slotCount` and counts below 1 are refused.
  public mutating func count(_ samples: Int = 1, inSlot slot: Int) {
    precondition((0..<Self.slotCount).contains(slot), "a histogram has slots 0 to 100")
    guard samples > 0 else { return }
    counts[slot, default: 0] += samples
  }

  /// Counts one sample with this gap, which must be finite and not negative.
  public mutating func count(gap: Double) { count(inSlot: Self.slot(of: gap)) }

  /// Adds another histogram's counts.
  public mutating func merge(_ other: GapHistogram) {
    counts.merge(other.counts, uniquingKeysWith: +)
  }

  /// The number of samples with a gap: everything but undefined and non-finite ones.
  public var measured: Int {
    counts.reduce(0) { $1.key <= Special.over.rawValue ? $0 + $1.value : $0 }
  }

  /// The number of samples whose gap surely lies below a bound: those in bins wholly below it.
  public func surelyBelow(_ bound: Double) -> Int {
    var sum = 0
    if bound > 0 { sum += counts[Special.zero.rawValue] ?? 0 }
    if Self.lowerEdge(ofBin: 0) <= bound { sum += counts[Special.under.rawValue] ?? 0 }
    for (slot, samples) in counts
    where slot < Self.binCount && Self.lowerEdge(ofBin: slot + 1) <= bound {
      sum += samples
    }
    return sum
  }
}
