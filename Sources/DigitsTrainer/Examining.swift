public import ProbeCore
public import ProbeRecorder

extension Network<Float> {
  /// Removes blocks, each by itself and then more and more of them, and tells what that does to the loss
  /// of a probe set, and how alike the blocks are.
  ///
  /// In eval mode: nothing that is trained changes; what the last step left in the blocks is
  /// overwritten. Takes some five evaluations a block. There must be two samples at least.
  ///
  /// - Parameters:
  ///   - digits: The probe set, which should share no sample with those trained on.
  ///   - step: The optimizer steps done.
  ///   - measured: Told each part once it is measured; a recorder takes both.
  public func examine(
    on digits: Digits, step: Int,
    measured: (_ examination: Examination, _ part: ExaminationPart) -> Void
  ) {
    precondition(digits.count >= Examination.minimumSamples, "too few samples to examine on")
    var gaps = shape.blockMap.blocks.map { block in
      BlockAccumulator(
        block, limits: MemoryLimits(blocks: blocks.count), countsAbsorbed: false, seed: 0)
    }
    var similarity = SimilarityAccumulator(shape.blockMap)
    let base = losses(on: digits) { samples in
      let tensors = views(samples: samples).map(\.forwardTensors)
      for place in gaps.indices { gaps[place].take(tensors[place]) }
      similarity.take(tensors)
    }
    let curve = RemovalCurve(of: blocks.map(\.ordinal))
    var sets = curve.knownSets
    var examination = Examination(
      identity: .random(), step: step, samples: digits.count, planned: sets.count,
      baseLoss: base.loss, baseError: base.error)
    for pairs in similarity.finished { measured(examination, .similarities(pairs)) }
    curve.measure(order: { measured(examination, .order($0)) }) { ordinals in
      sets.insert(ordinals)
      examination.planned = sets.count
      var ablation = Ablation(
        removing: ordinals, from: base, leaving: losses(on: digits, removing: Set(ordinals)))
      if ordinals.count == 1 { ablation.identityGap = gaps[ordinals[0]].finished.identityGap }
      measured(examination, .ablation(ablation))
      return ablation
    }
  }

  /// What each sample comes to; `visit` may look at each batch's blocks.
  package func losses(
    on digits: Digits, removing removed: Set<Int> = [], visit: (_ samples: Int) -> Void = { _ in }
  ) -> ProbeSetLosses {
    let places = Array(0..<digits.count)
    var losses: [Double] = []
    var errors: [Double] = []
    for start in stride(from: 0, to: digits.count, by: largestBatch) {
      let batch = places[start..<min(start + largestBatch, digits.count)]
      load(digits, at: batch)
      forward(samples: batch.count, mode: .evaluation, removing: removed)
      let score = score(samples: batch.count)
      losses += score.losses
      errors += score.isCorrect.map { $0 ? 0 : 1 }
      visit(batch.count)
    }
    return ProbeSetLosses(losses: losses, errors: errors)
  }
}

extension BlockView<Float> {
  /// What a forward pass left, without gradients.
  fileprivate var forwardTensors: BlockTensors {
    switch connection {
    case .residual: BlockTensors(stream: stream, branch: branch, samples: samples, width: width)
    case .plain: BlockTensors(stream: stream, output: output, samples: samples, width: width)
    }
  }
}
