internal import ProbeCore

extension Recorder {
  /// Measures one micro-batch at a block; micro-batches of a step pool.
  ///
  /// Passed over silently in a step that the schedule does not measure. Tensors that do not fit
  /// each other or the block are passed over, counted as misuse and warned of once.
  ///
  /// Gradients: `outputGradient` is g = ∂ℓ/∂h of the mean loss over the whole micro-batch, dropped
  /// samples included, so that n·g_i is the gradient of sample i's own loss. Where `streamGradient`
  /// is given too, ∂ℓ/∂x − g is what reached x through the branch alone; for a plain block, whose
  /// F is y − x, the same difference tells how far its backward map is from the identity, and no
  /// path. For projections and dense blocks it means nothing and is left out.
  public func measure(block ordinal: Int, _ tensors: BlockTensors) {
    guard isMeasuring() else { return }
    guard blocks.blocks.indices.contains(ordinal) else {
      misuse(.unknownBlock)
      return
    }
    let block = blocks.blocks[ordinal]
    if let problem = tensors.problem(at: block) {
      misuse(problem, block: ordinal)
      return
    }
    if !isLossScale(tensors.lossScale), tensors.outputGradient != nil {
      misuse(.lossScale, block: ordinal)
    }
    timed { step?.take(tensors, at: block, limits: limits) }
  }

  /// Measures a block's parameters; call it after clipping and before the optimizer's step.
  ///
  /// - Parameters:
  ///   - ordinal: The block.
  ///   - parameters: All of the block's parameters, in an order that does not change.
  ///   - gate: What scales the branch as a whole: γ of its last norm, a LayerScale, a ReZero α.
  ///   - lastMap: γ and β of the branch's last norm, or W and b of its last convolution or linear
  ///     map, with gradients, for `gate_gradient`: Σ⟨g, F⟩ over the batch where nothing was clipped.
  ///   - lossScale: What the gradients given here are still multiplied by; 1 once they are unscaled.
  public func measure(
    parametersOf ordinal: Int, _ parameters: [ParameterTensor], gate: ParameterTensor? = nil,
    lastMap: [ParameterTensor] = [], lossScale: Double = 1
  ) {
    guard isMeasuring() else { return }
    guard blocks.blocks.indices.contains(ordinal) else {
      misuse(.unknownBlock)
      return
    }
    guard (parameters + lastMap).allSatisfy(\.isWhole) else {
      misuse(.tensors("a parameter's gradient has another count than its values"), block: ordinal)
      return
    }
    guard isLossScale(lossScale) else {
      misuse(.lossScale, block: ordinal)
      return
    }
    timed {
      let statistics = ParameterStatistics(
        parameters, gate: gate?.values, lastMap: lastMap, lossScale: lossScale)
      let snapshot = ParameterSnapshot(
        parameters.map(\.values), capacity: limits.parameters)
      step?.take(statistics, snapshot: snapshot, at: ordinal)
    }
  }

  /// Measures a block's update; call it after the optimizer's step with the parameters given before it.
  ///
  /// ‖Δθ‖/‖θ‖ comes from at most 65,536 fixed elements of the block, evenly spread. A step that
  /// ends as skipped keeps no ratio.
  public func measure(updateOf ordinal: Int, _ parameters: [ParameterTensor]) {
    guard isMeasuring() else { return }
    timed {
      if step?.take(updated: parameters.map(\.values), at: ordinal) == false {
        misuse(.update, block: ordinal)
      }
    }
  }

  /// Whether the step under way is measured; a loop asks to spare itself collecting tensors.
  public var isStepMeasured: Bool { step?.isMeasured == true }

  /// Whether a measured step is under way; outside any step that is a misuse.
  private func isMeasuring() -> Bool {
    guard let step else { return misuse(.outsideStep) }
    return step.isMeasured
  }

  private func isLossScale(_ scale: Double) -> Bool { scale.isFinite && scale > 0 }
}
