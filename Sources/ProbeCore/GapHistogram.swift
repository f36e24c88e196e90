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

  /// A slot with what was counted in it, in eight bytes.
  public struct Entry: Sendable, Hashable {
    private var packed: UInt64

    /// The slot, 0 ..< ``slotCount``.
    public var slot: Int { Int(packed >> 56) }
    /// The samples in it, above zero and at most ``greatestCount``.
    public var samples: Int { Int(packed & 0xFF_FFFF_FFFF_FFFF) }

    fileprivate init(slot: Int, samples: Int) {
      packed = UInt64(slot) << 56 | UInt64(min(samples, GapHistogram.greatestCount))
    }
  }

  /// The number of slots: regular bins and special ones.
  public static let slotCount = 101
  /// Where a slot stops counting, in sums of absurd counts too: what a Double holds exactly.
  public static let greatestCount = 1 << 53

  /// The slots that counted something, in rising order.
  ///
  /// A window holds a hundred thousand histograms of a few slots each: hence no dictionary.
  public private(set) var entries: [Entry] = []

  /// The counts by slot, only those above zero.
  public var counts: [Int: Int] {
    Dictionary(uniqueKeysWithValues: entries.lazy.map { ($0.slot, $0.samples) })
  }

  /// An empty histogram.
  public init() {}

  /// Whether nothing has been counted.
  public var isEmpty: Bool { entries.isEmpty }

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

  /// Makes room for this many slots at once.
  public mutating func reserve(slots: Int) {
    entries.reserveCapacity(min(slots, Self.slotCount))
  }

  /// Counts samples in a slot; slots outside 0 ..< `slotCount` and counts below 1 are refused.
  public mutating func count(_ samples: Int = 1, inSlot slot: Int) {
    precondition((0..<Self.slotCount).contains(slot), "a histogram has slots 0 to 100")
    guard samples > 0 else { return }
    guard entries.last.map({ $0.slot >= slot }) ?? false else {
      return entries.append(Entry(slot: slot, samples: samples))
    }
    var place = entries.endIndex
    while place > 0, entries[place - 1].slot > slot { place -= 1 }
    if place > 0, entries[place - 1].slot == slot {
      let known = entries[place - 1].samples
      entries[place - 1] = Entry(slot: slot, samples: known + min(samples, Self.greatestCount))
    } else {
      entries.insert(Entry(slot: slot, samples: samples), at: place)
    }
  }

  /// Counts one sample with this gap, which must be finite and not negative.
  public mutating func count(gap: Double) { count(inSlot: Self.slot(of: gap)) }

  /// Adds another histogram's counts.
  public mutating func merge(_ other: GapHistogram) {
    for entry in other.entries { count(entry.samples, inSlot: entry.slot) }
  }

  /// What histograms come to together: as merging one after the other, at the cost of reading each.
  public init(sumOf histograms: some Sequence<GapHistogram>) {
    var sum = Sum()
    for histogram in histograms { sum.add(histogram) }
    self = sum.histogram
  }

  /// A sum of many histograms as it is made.
  public struct Sum: Sendable {
    private var counts = [Int](repeating: 0, count: GapHistogram.slotCount)

    /// The sum of none.
    public init() {}

    /// Adds a histogram's counts.
    public mutating func add(_ histogram: GapHistogram) {
      for entry in histogram.entries {
        counts[entry.slot] = min(counts[entry.slot] + entry.samples, GapHistogram.greatestCount)
      }
    }

    /// What was added.
    public var histogram: GapHistogram {
      var histogram = GapHistogram()
      for (slot, samples) in counts.enumerated() { histogram.count(samples, inSlot: slot) }
      return histogram
    }
  }

  /// The number of samples with a gap: everything but undefined and non-finite ones.
  public var measured: Int {
    entries.reduce(0) { $1.slot <= Special.over.rawValue ? $0 + $1.samples : $0 }
  }

  /// The number of samples whose gap surely lies below a bound: those in bins wholly below it.
  public func surelyBelow(_ bound: Double) -> Int {
    entries.reduce(0) { Self.isSurely($1.slot, below: bound) ? $0 + $1.samples : $0 }
  }

  private static func isSurely(_ slot: Int, below bound: Double) -> Bool {
    switch slot {
    case ..<binCount: lowerEdge(ofBin: slot + 1) <= bound
    case Special.zero.rawValue: bound > 0
    case Special.under.rawValue: lowerEdge(ofBin: 0) <= bound
    default: false
    }
  }
}
