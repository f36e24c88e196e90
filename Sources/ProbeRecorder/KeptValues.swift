/// A bounded, uniform sample of the values of one step, for its percentiles.
///
/// Up to `capacity` values all are kept and percentiles are exact. Beyond, each value replaces a
/// kept one with the probability that keeps the sample uniform, by a generator with a fixed seed:
/// the same values give the same percentiles. Keeping every k-th would be simpler, but tokens come
/// in sequences of one length and would be thinned to the same positions.
///
/// Source: Vitter 1985, algorithm R.
package struct KeptValues: Sendable {
  private let capacity: Int
  private var generator: SplitMix64
  /// The values kept, in no order.
  package private(set) var values: [Double] = []
  /// The values offered.
  package private(set) var offered = 0

  /// No values yet; at most `capacity` of them will be kept.
  package init(capacity: Int, seed: UInt64) {
    self.capacity = max(1, capacity)
    generator = SplitMix64(seed: seed)
  }

  /// The values that were offered and are not kept.
  package var passedOver: Int { offered - values.count }

  /// Offers one value.
  package mutating func add(_ value: Double) {
    offered += 1
    if values.count < capacity {
      values.append(value)
    } else {
      let place = generator.below(offered)
      if place < capacity { values[place] = value }
    }
  }

  /// The nearest-rank percentiles: of n values in order, the ⌈pn/100⌉-th; empty without values.
  ///
  /// Percents are whole numbers from 1 to 100. Complexity: O(n log n).
  package func percentiles(_ percents: [Int]) -> [Double] {
    guard !values.isEmpty else { return [] }
    let ordered = values.sorted()
    return percents.map { ordered[(ordered.count * $0 + 99) / 100 - 1] }
  }
}
