public import ProbeCore

/// Removes more and more blocks, in a greedy order, the deepest first, and by chance.
///
/// Complexity: at most about 2n + 4 · 13 sets of n blocks.
public struct RemovalCurve {
  /// The orders by chance.
  static let randomOrders = 3
  /// The blocks that the greedy order tries at each place, until half of them are out.
  static let width = 3

  /// What removing a set did to the samples that choices look at; infinite where a loss is not finite.
  private struct Change {
    /// How many standard errors above a mean its one-sided bound of 95 % lies.
    static let bound = 1.645

    var mean = Double.infinity
    var upper = Double.infinity

    init(_ halves: Ablation.Halves?) {
      guard let halves else { return }
      mean = halves.even
      upper = mean + Self.bound * (halves.evenError ?? 0)
    }

    /// What the set adds by its upper bound, not below zero, and how much it changes either way.
    func marginal(after before: Double) -> (upper: Double, size: Double) {
      guard mean.isFinite else { return (.infinity, .infinity) }
      return (max(upper - before, 0), abs(mean - before))
    }
  }

  private let blocks: [Int]
  private let fixed: [RemovalOrder]

  /// Of these blocks, ascending.
  public init(of blocks: [Int]) {
    self.blocks = blocks
    let random = (0..<Self.randomOrders).map { number in
      var generator = SplitMix64(seed: UInt64(number))
      var order = blocks
      for place in order.indices.reversed() where place > 0 {
        order.swapAt(place, generator.below(place + 1))
      }
      return RemovalOrder(strategy: .random, number: number, ordinals: order)
    }
    fixed = [RemovalOrder(strategy: .deepestFirst, ordinals: blocks.reversed())] + random
  }

  /// The sets that are known before anything is measured: the single blocks, and the beginnings of the
  /// deepest-first and the random orders.
  public var knownSets: Set<[Int]> {
    blocks.isEmpty ? [] : Set(blocks.map { [$0] } + fixed.flatMap(sets))
  }

  /// Measures the sets, each once, and tells the orders before them.
  ///
  /// The greedy order chooses by the upper bound of the change over the samples 0, 2, 4 …, all below zero
  /// being alike: so what the others say of a set is free of the choice, and no block goes first whose
  /// mean is least by luck. Of equal ones the one that changes least either way goes first.
  ///
  /// - Parameters:
  ///   - order: Told each order; the greedy one block by block.
  ///   - measure: Removes a set, ascending, and returns what that did.
  public func measure(
    order: (RemovalOrder) -> Void, _ measure: ([Int]) -> Ablation
  ) {
    guard !blocks.isEmpty else { return }
    var changes: [[Int]: Change] = [:]
    func change(_ set: [Int]) -> Change {
      if let known = changes[set] { return known }
      let value = Change(measure(set).halves)
      changes[set] = value
      return value
    }
    var marginals = Dictionary(
      uniqueKeysWithValues: blocks.map { ($0, change([$0]).marginal(after: 0)) })
    var removed: [Int] = []
    var before = 0.0
    while !marginals.isEmpty {
      let tried = marginals.sorted {
        ($0.value.upper, $0.value.size, $0.key) < ($1.value.upper, $1.value.size, $1.key)
      }
      .prefix(2 * removed.count < blocks.count ? Self.width : 1)
      .map { (block: $0.key, change: change((removed + [$0.key]).sorted())) }
      for one in tried { marginals[one.block] = one.change.marginal(after: before) }
      func key(_ one: (block: Int, change: Change)) -> (Double, Double, Int) {
        (max(one.change.upper, 0), marginals[one.block]!.size, one.block)
      }
      let next = tried.min { key($0) < key($1) }!
      order(RemovalOrder(strategy: .greedy, place: removed.count, ordinals: [next.block]))
      removed.append(next.block)
      marginals[next.block] = nil
      before = next.change.mean
    }
    for one in fixed {
      order(one)
      for set in sets(of: one) { _ = change(set) }
    }
  }

  /// How many blocks are out at the points of a curve: each number up to twelve, then thirteen or so.
  package static func counts(of blocks: Int) -> [Int] {
    guard blocks > 12 else { return Array(1...blocks) }
    let even = (1...12).map { ($0 * blocks + 6) / 12 }
    return Set(even + [1, blocks / 2]).sorted()
  }

  private func sets(of order: RemovalOrder) -> [[Int]] {
    Self.counts(of: blocks.count).map { order.ordinals.prefix($0).sorted() }
  }
}
