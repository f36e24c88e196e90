public import ProbeCore

/// Removes more and more blocks, in a greedy order, the deepest first, and by chance.
///
/// Complexity: at most about 2n + 4 · 13 sets of n blocks.
public struct RemovalCurve {
  /// The orders by chance.
  static let randomOrders = 3
  /// The blocks that the greedy order tries at each place, until half of them are out.
  static let width = 3

  /// How many standard errors above a mean its one-sided bound of 95 % lies.
  static let bound = 1.645

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
  /// The greedy order chooses by the upper bound of the change over the samples 0, 2, 4 …, so that what
  /// the others say of a set is free of the choice, and that no block goes first whose mean is least by
  /// luck.
  ///
  /// - Parameters:
  ///   - order: Told each order; the greedy one block by block.
  ///   - measure: Removes a set, ascending, and returns what that did.
  public func measure(
    order: (RemovalOrder) -> Void, _ measure: ([Int]) -> Ablation
  ) {
    guard !blocks.isEmpty else { return }
    var changes: [[Int]: Double] = [:]
    func change(_ set: [Int]) -> Double {
      if let known = changes[set] { return known }
      let value =
        measure(set).halves.map { $0.even + Self.bound * ($0.evenError ?? 0) } ?? .infinity
      changes[set] = value
      return value
    }
    var marginals = Dictionary(uniqueKeysWithValues: blocks.map { ($0, change([$0])) })
    var removed: [Int] = []
    var before = 0.0
    while !marginals.isEmpty {
      let tried = marginals.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        .prefix(2 * removed.count < blocks.count ? Self.width : 1)
        .map { (block: $0.key, change: change((removed + [$0.key]).sorted())) }
      for one in tried { marginals[one.block] = one.change - before }
      let next = tried.min { ($0.change, $0.block) < ($1.change, $1.block) }!
      order(RemovalOrder(strategy: .greedy, place: removed.count, ordinals: [next.block]))
      removed.append(next.block)
      marginals[next.block] = nil
      before = next.change
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
