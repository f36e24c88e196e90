/// Random bits for drawing samples: the same seed gives the same on every machine and version.
///
/// Source: Steele, Lea and Flood 2014 (SplitMix), with the constants of Vigna's public-domain code.
struct SplitMix64: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A whole number drawn evenly from 0 ..< `bound`, which lies above 0; off by less than `bound`/2⁶⁴.
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)).multipliedFullWidth(by: UInt64(bound)).high)
  }
}
