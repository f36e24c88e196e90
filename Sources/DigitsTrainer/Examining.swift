public import ProbeCore
public import ProbeRecorder

extension Network<Float> {
  /// Removes each block by itself and tells what that does to the loss of a probe set.
  ///
  /// In eval mode: nothing that is trained changes; what the last step left in the blocks is
  /// overwritten. Takes one evaluation more than there are blocks. There must be two samples at least.
  ///
  /// - Parameters:
  ///   - digits: The probe set, which should share no sample with those trained on.
  ///   - step: The optimizer steps done.
  ///   - measured: Told each block's ablation once it is measured; a recorder takes both.
  public func examine(
    on digits: Digits, step: Int,
    measured: (_ examination: Examination, _ ablation: Ablation) -> Void
  ) {
    precondition(digits.count >= Examination.minimumSamples, "too few samples to examine on")
    var gaps = shape.blockMap.blocks.map { block in
      BlockAccumulator(
        block, limits: MemoryLimits(blocks: blocks.count), countsAbsorbed: false, seed: 0)
    }
    let base = losses(on: digits) { samples in
      for view in views(samples: samples) { gaps[view.ordinal].take(view.forwardTensors) }
    }
    let examination = Examination(
      identity: .random(), step: step, samples: digits.count, planned: blocks.count,
      baseLoss: base.loss, baseError: base.error)
    for block in blocks {
      var ablation = Ablation(
        removing: [block.ordinal], from: base,
        leaving: losses(on: digits, removing: block.ordinal))
      ablation.identityGap = gaps[block.ordinal].finished.identityGap
      measured(examination, ablation)
    }
  }

  /// What each sample comes to; `visit` may look at each batch's blocks.
  package func losses(
    on digits: Digits, removing removed: Int? = nil, visit: (_ samples: Int) -> Void = { _ in }
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
