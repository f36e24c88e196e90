public import ProbeCore

extension Recorder {
  /// Records what removing a set of blocks did to an examination's probe set.
  ///
  /// Give each set once; the time is filled in. Between steps or after the last one: within a step it
  /// is charged to nobody and recorded all the same. What names a block outside the map is passed over
  /// and counted as misuse.
  public func record(_ ablation: Ablation, of examination: Examination) {
    guard let last = ablation.ordinals.last, blocks.blocks.indices.contains(last) else {
      misuse(.unknownBlock)
      return
    }
    var ablation = ablation
    ablation.wallTime = clock.wall()
    append(.ablation(examination, ablation))
  }
}
