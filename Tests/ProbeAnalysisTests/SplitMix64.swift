import Foundation

/// A small seeded generator, so that a simulation gives the same rates on every machine.
///
/// Source: Steele, Lea and Flood 2014.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A standard normal number (Box and Muller 1958).
  mutating func normal() -> Double {
    let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &self))).squareRoot()
    return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
  }

  /// A stationary AR(1) series with mean 0; ρ = exp(−1/`time`), 0 for a time of 0.
  mutating func autoregressive(_ count: Int, time: Double, deviation: Double) -> [Double] {
    let rho = time > 0 ? exp(-1 / time) : 0
    let innovation = (1 - rho * rho).squareRoot()
    var value = normal()
    return (0..<count).map { index in
      if index > 0 { value = rho * value + innovation * normal() }
      return deviation * value
    }
  }
}
