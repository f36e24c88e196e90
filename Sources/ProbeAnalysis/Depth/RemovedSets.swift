import ProbeCore

/// The ablations of an examination by the set of blocks that each removed.
struct RemovedSets {
  private let byBlocks: [[Int]: Ablation]

  /// Of several ablations of one set the last counts.
  init(_ ablations: [Ablation]) {
    byBlocks = Dictionary(
      ablations.map { ($0.ordinals.sorted(), $0) }, uniquingKeysWith: { $1 })
  }

  /// The ablation of these blocks and no others, given ascending; nil where there is none.
  subscript(_ ascending: [Int]) -> Ablation? { byBlocks[ascending] }
}
