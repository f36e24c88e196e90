/// Blocks in the order that an examination removes them in: the sets it measured are its beginnings.
public struct RemovalOrder: Sendable, Hashable {
  /// What the next block is chosen by.
  public enum Strategy: String, Sendable, CaseIterable {
    /// The least upper bound of the loss of the probe set's samples 0, 2, 4 … without it and those before.
    case greedy
    /// The last block comes first.
    case deepestFirst = "deepest_first"
    /// Chance.
    case random
  }

  /// What the next block is chosen by.
  public var strategy: Strategy
  /// Which of several orders of one strategy it is, from 0.
  public var number: Int
  /// The place in the order of the first of `ordinals`, from 0; 0 for a whole order.
  public var place: Int
  /// The blocks, each once.
  public var ordinals: [Int]

  /// The most orders of one strategy.
  public static let maximumNumber = 1024

  /// An order, or a stretch of one.
  public init(strategy: Strategy, number: Int = 0, place: Int = 0, ordinals: [Int]) {
    self.strategy = strategy
    self.number = number
    self.place = place
    self.ordinals = ordinals
  }
}
