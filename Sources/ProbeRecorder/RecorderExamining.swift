public import ProbeCore

/// One thing that an examination measured.
public enum ExaminationPart: Sendable, Hashable {
  /// What removing a set of blocks did.
  case ablation(Ablation)
  /// How alike a block and some later ones are; all have one `first`.
  case similarities([Similarity])
  /// The order that sets of blocks are removed in, or a stretch of it.
  case order(RemovalOrder)
}

extension Recorder {
  /// Records what an examination measured.
  ///
  /// Give each part once; an ablation's time is filled in. Between steps or after the last one: within a
  /// step it is charged to nobody and recorded all the same. What names a block outside the map, or none,
  /// is passed over and counted as misuse.
  public func record(_ part: ExaminationPart, of examination: Examination) {
    guard let last = part.ordinals.max(), blocks.blocks.indices.contains(last) else {
      misuse(.unknownBlock)
      return
    }
    switch part {
    case .ablation(var ablation):
      ablation.wallTime = clock.wall()
      append(.ablation(examination, ablation))
    case .similarities(let pairs): append(.similarity(examination, pairs))
    case .order(let order): append(.removalOrder(examination, order))
    }
  }

  /// Records what removing a set of blocks did to an examination's probe set.
  public func record(_ ablation: Ablation, of examination: Examination) {
    record(.ablation(ablation), of: examination)
  }
}

extension ExaminationPart {
  /// The blocks that it names.
  fileprivate var ordinals: [Int] {
    switch self {
    case .ablation(let ablation): ablation.ordinals
    case .similarities(let pairs): pairs.map(\.last)
    case .order(let order): order.ordinals
    }
  }
}
