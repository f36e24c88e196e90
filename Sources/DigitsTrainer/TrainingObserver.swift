/// One step of a training, as its observer sees it.
public struct TrainingStep {
  /// The optimizer step, counted from 0; 0 is before any update.
  public let step: Int
  /// The steps planned.
  public let plannedSteps: Int
  /// The mean loss of the batch.
  ///
  /// Unit: nats.
  public let loss: Double
  /// The learning rate of the step's update.
  public let learningRate: Double
  /// The samples of the batch.
  public let samples: Int
  private let network: Network<Float>

  /// A step of a network.
  init(
    step: Int, plannedSteps: Int, loss: Double, learningRate: Double, samples: Int,
    network: Network<Float>
  ) {
    self.step = step
    self.plannedSteps = plannedSteps
    self.loss = loss
    self.learningRate = learningRate
    self.samples = samples
    self.network = network
  }

  /// What the step left in each block, in order; valid until the observer's call returns.
  ///
  /// Made anew at each call, so that a step that is not measured costs nothing: ask once.
  public var blocks: [BlockView<Float>] { network.views(samples: samples) }
}

/// What is told of a training while it runs, twice a step.
public struct TrainingObserver {
  /// Called after the backward pass, before the optimizer moves the parameters.
  public var gradientsReady: (TrainingStep) -> Void
  /// Called after the optimizer moved the parameters; activations and gradients are still there.
  public var parametersUpdated: (TrainingStep) -> Void

  /// An observer; what is left out is not asked for.
  public init(
    gradientsReady: @escaping (TrainingStep) -> Void = { _ in },
    parametersUpdated: @escaping (TrainingStep) -> Void = { _ in }
  ) {
    self.gradientsReady = gradientsReady
    self.parametersUpdated = parametersUpdated
  }
}
