public import ProbeRecorder

extension TrainingObserver {
  /// An observer that measures a training with a recorder, as any Swift training loop would: begin the
  /// step, hand over each block's tensors and parameters, and after the update end the step.
  ///
  /// The recorder must have been opened with the network's block map; finishing it is left to the caller.
  public static func recording(into recorder: Recorder) -> TrainingObserver {
    TrainingObserver(
      gradientsReady: { step in
        guard recorder.begin(step: step.step) else { return }
        for block in step.blocks {
          recorder.measure(block: block.ordinal, block.tensors)
          recorder.measure(
            parametersOf: block.ordinal, block.parameters.filter(\.isTrained).map(\.tensor),
            gate: block.lastGamma.tensor, lastMap: [block.lastGamma.tensor, block.lastBeta.tensor])
        }
      },
      parametersUpdated: { step in
        if recorder.isStepMeasured {
          for block in step.blocks {
            recorder.measure(
              updateOf: block.ordinal, block.parameters.filter(\.isTrained).map(\.tensor))
          }
        }
        recorder.end(loss: step.loss, learningRate: step.learningRate)
      })
  }
}

extension BlockView<Float> {
  /// What a recorder takes: of a plain block, whose branch is not added to anything, its output.
  fileprivate var tensors: BlockTensors {
    switch connection {
    case .residual:
      BlockTensors(
        stream: stream, branch: branch, samples: samples, width: width,
        outputGradient: sumGradient, streamGradient: streamGradient)
    case .plain:
      BlockTensors(
        stream: stream, output: output, samples: samples, width: width,
        outputGradient: outputGradient, streamGradient: streamGradient)
    }
  }
}

extension ParameterView<Float> {
  fileprivate var tensor: ParameterTensor { ParameterTensor(values, gradient: gradient) }
}
