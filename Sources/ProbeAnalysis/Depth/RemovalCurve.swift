public import ProbeCore

/// What dropping more and more blocks costs, in one order (Depth.md).
public struct RemovalCurve: Sendable, Hashable {
  /// The first blocks of the order, removed together.
  public struct Point: Sendable, Hashable {
    /// How many blocks were dropped.
    public var dropped: Int { ordinals.count }
    /// The blocks, in the order of removal.
    public let ordinals: [Int]
    /// What removing them together did.
    public let ablation: Ablation

    /// The change of the mean loss; infinite where a sample's loss was not finite.
    public var lossChange: Double { ablation.loss?.value ?? .infinity }
  }

  /// The order.
  public let order: RemovalOrder
  /// The sets that were measured, from few blocks to many.
  public let points: [Point]

  /// Finds the sets of an order among an examination's ablations.
  init(_ order: RemovalOrder, _ removed: RemovedSets) {
    self.order = order
    var ascending: [Int] = []
    points = order.ordinals.indices.compactMap { index in
      let place = ascending.firstIndex { $0 > order.ordinals[index] } ?? ascending.count
      ascending.insert(order.ordinals[index], at: place)
      return removed[ascending].map {
        Point(ordinals: Array(order.ordinals[...index]), ablation: $0)
      }
    }
  }

  /// The first point whose change of the loss exceeds the tolerance; nil where none does.
  ///
  /// By the measured value, not its bound: it compares orders and proposes nothing.
  public func firstAbove(_ tolerance: Double) -> Point? {
    points.first { $0.lossChange > tolerance }
  }

  /// The last point before ``firstAbove(_:)``; nil where there is none.
  public func lastWithin(_ tolerance: Double) -> Point? {
    points.prefix { $0.lossChange <= tolerance }.last
  }
}

/// The curves of an examination side by side (Depth.md).
///
/// Source: Veit, Wilber and Belongie 2016, section 4.2, drop at random; Gromov et al. 2024, section 4.4, the
/// deepest first.
public struct RemovalCurves: Sendable, Hashable {
  /// What the orders cost at one number of dropped blocks.
  public struct Row: Sendable, Hashable {
    /// How many blocks were dropped.
    public let dropped: Int
    /// By the greedy order; nil where this number was not measured in it.
    public let greedy: RemovalCurve.Point?
    /// By the order that begins with the last block.
    public let deepestFirst: RemovalCurve.Point?
    /// By random orders, in the order of their numbers.
    public let random: [RemovalCurve.Point]

    /// The mean change of the loss over the random orders; nil without any, infinite where one is.
    public var randomMean: Double? {
      random.isEmpty ? nil : random.reduce(0) { $0 + $1.lossChange } / Double(random.count)
    }

    /// The least and the greatest change of the loss over the random orders.
    public var randomRange: ClosedRange<Double>? {
      let changes = random.map(\.lossChange)
      guard let least = changes.min(), let greatest = changes.max() else { return nil }
      return least...greatest
    }
  }

  /// All curves with a point, by strategy and then by number.
  public let all: [RemovalCurve]
  /// The curves side by side, by the number of dropped blocks.
  public let rows: [Row]

  /// The curve of the greedy order; nil where none of its sets was measured.
  public var greedy: RemovalCurve? { all.first { $0.order.strategy == .greedy } }

  /// Puts the orders of an examination beside what was measured; nil where no order has a measured set.
  ///
  /// Orders with a block that is none of the run, or with one twice, are left out. Complexity: O(orders ×
  /// blocks²).
  public init?(_ history: History) {
    guard let ablations = history.ablations else { return nil }
    let known = Set(history.blocks.map(\.block.ordinal))
    let removed = RemovedSets(ablations.all)
    let strategies = RemovalOrder.Strategy.allCases
    let orders = ablations.orders.filter { order in
      known.isSuperset(of: order.ordinals) && Set(order.ordinals).count == order.ordinals.count
        && order.place == 0
    }.sorted {
      (strategies.firstIndex(of: $0.strategy)!, $0.number)
        < (strategies.firstIndex(of: $1.strategy)!, $1.number)
    }
    all = orders.map { RemovalCurve($0, removed) }.filter { !$0.points.isEmpty }
    guard !all.isEmpty else { return nil }
    var points: [Int: [RemovalOrder.Strategy: [RemovalCurve.Point]]] = [:]
    for curve in all {
      for point in curve.points {
        points[point.dropped, default: [:]][curve.order.strategy, default: []].append(point)
      }
    }
    rows = points.sorted { $0.key < $1.key }.map { dropped, byStrategy in
      Row(
        dropped: dropped, greedy: byStrategy[.greedy]?.first,
        deepestFirst: byStrategy[.deepestFirst]?.first, random: byStrategy[.random] ?? [])
    }
  }
}
