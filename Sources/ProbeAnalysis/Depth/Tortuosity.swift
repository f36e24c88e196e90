public import ProbeCore

/// How much longer the way of the stream through a stage is than the straight one (Depth.md).
///
/// The sum of the angles that each block turns the stream by, over the angle that all of them turn it by:
/// 1 where they turn it all the one way, more where they undo each other's turns.
public struct Tortuosity: Sendable, Hashable {
  /// The stage's number.
  public let stage: Int
  /// The stretch of the stage: a projection or a dense block ends one.
  public let blocks: ClosedRange<Int>
  /// The sum of the blocks' angular distances.
  ///
  /// Unit: angles over π.
  public let way: Double
  /// The angular distance of the whole stretch.
  ///
  /// Unit: angles over π.
  public let chord: Double
  /// way/chord; nil where the chord is 0 but for rounding: the stream keeps its direction or comes back to
  /// it.
  public var value: Double? { chord >= Self.rounding ? way / chord : nil }

  /// The angle over π below which two directions are not told apart in float32.
  public static let rounding = 1e-6

  /// The stretches of two blocks or more, in network order, of which every block and the whole were
  /// measured.
  ///
  /// Complexity: O(pairs).
  public static func all(of history: History) -> [Tortuosity] {
    guard let ablations = history.ablations else { return [] }
    let distances = Dictionary(
      ablations.similarities.filter { $0.angularDistance.n > 0 && $0.first <= $0.last }
        .map { ($0.blocks, $0.angularDistance.mean) }, uniquingKeysWith: { $1 })
    return stretches(history.blocks.map(\.block)).compactMap { blocks in
      guard blocks.count > 1, let first = blocks.first, let last = blocks.last,
        let chord = distances[first.ordinal...last.ordinal]
      else { return nil }
      let steps = blocks.compactMap { distances[$0.ordinal...$0.ordinal] }
      guard steps.count == blocks.count else { return nil }
      return Tortuosity(
        stage: first.stage, blocks: first.ordinal...last.ordinal, way: steps.reduce(0, +),
        chord: chord)
    }
  }

  /// The maximal runs of blocks of one stage, by rising ordinal, that can be spanned.
  private static func stretches(_ blocks: [Block]) -> [[Block]] {
    var stretches: [[Block]] = []
    var before: Block?
    for block in blocks {
      defer { before = block.canBeIdentity ? block : nil }
      guard block.canBeIdentity else { continue }
      if let before, before.stage == block.stage, before.ordinal < block.ordinal {
        stretches[stretches.count - 1].append(block)
      } else {
        stretches.append([block])
      }
    }
    return stretches
  }
}
