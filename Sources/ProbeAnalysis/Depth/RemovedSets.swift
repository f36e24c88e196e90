import ProbeCore

/// The ablations of an examination by the set of blocks that each removed.
struct RemovedSets {
  private let byBlocks: [[Int]: Ablation]
  /// How many blocks the sets have: a long order is mostly of others.
  private let sizes: Set<Int>

  /// Of several ablations of one set the last counts.
  init(_ ablations: [Ablation]) {
    byBlocks = Dictionary(
      ablations.map { ($0.ordinals.sorted(), $0) }, uniquingKeysWith: { $1 })
    sizes = Set(byBlocks.keys.map(\.count))
  }

  /// The ablation of these blocks and no others, given ascending; nil where there is none.
  subscript(_ ascending: [Int]) -> Ablation? {
    sizes.contains(ascending.count) ? byBlocks[ascending] : nil
  }
}
