public import ProbeCore

/// How alike two blocks that follow each other are.
public struct NeighbourSimilarity: Sendable, Hashable {
  /// The ordinal of the earlier block.
  public let first: Int
  /// The ordinal of the later block.
  public let last: Int
  /// Linear CKA of what the two return; nil where it is undefined.
  public let cka: Double?
  /// Linear CKA of what their branches add; nil where it is undefined.
  public let branchCKA: Double?

  /// Whether the two branches add the same but for a rotation and a factor.
  ///
  /// It says that one learned what the other had, not that either may go: CKA 1 is no identity.
  public var isDuplicate: Bool { (branchCKA ?? 0) >= Self.duplicate }

  /// The CKA of two branches from which on they count as the same.
  public static let duplicate = 0.95
}

/// How alike the blocks of a network are in what they return and in what they add (Depth.md).
///
/// CKA sees no rotation and no common factor. Two alike outputs say that a linear map could take one for
/// the other, not that the blocks between do nothing.
///
/// Source: Kornblith et al. 2019; unbiased over minibatches, Nguyen, Raghu and Kornblith 2021.
public struct BlockSimilarity: Sendable, Hashable {
  /// Each block with the next, in network order, where either CKA is known.
  public let neighbours: [NeighbourSimilarity]
  /// CKA of what blocks return, for each pair.
  public let cka: BlockMatrix
  /// CKA of what branches add, for each pair.
  public let branchCKA: BlockMatrix

  /// The neighbours whose branches add the same.
  public var duplicates: [NeighbourSimilarity] { neighbours.filter(\.isDuplicate) }

  /// What an examination measured; nil where it knows no CKA of two different blocks.
  ///
  /// Pairs of unknown blocks are left out. Complexity: O(blocks² + pairs).
  public init?(_ history: History) {
    guard let ablations = history.ablations else { return nil }
    let ordinals = history.blocks.map(\.block.ordinal)
    let known = Set(ordinals)
    let all = ablations.similarities.filter {
      known.contains($0.first) && known.contains($0.last)
    }
    let pairs = all.filter { $0.first < $0.last }
    guard pairs.contains(where: { $0.cka != nil || $0.branchCKA != nil }) else { return nil }
    let byFirst = Dictionary(grouping: pairs, by: \.first)
    neighbours = zip(ordinals, ordinals.dropFirst()).compactMap { first, last in
      guard let pair = byFirst[first]?.last(where: { $0.last == last }),
        pair.cka != nil || pair.branchCKA != nil
      else { return nil }
      return NeighbourSimilarity(
        first: first, last: last, cka: pair.cka, branchCKA: pair.branchCKA)
    }
    cka = BlockMatrix(all.compactMap { pair in pair.cka.map { (pair.first, pair.last, $0) } })
    branchCKA = BlockMatrix(
      all.compactMap { pair in pair.branchCKA.map { (pair.first, pair.last, $0) } })
  }
}
