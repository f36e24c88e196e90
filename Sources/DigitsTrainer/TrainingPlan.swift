/// How a network is trained; the values given are those of the demo and of the tests.
public struct TrainingPlan: Sendable, Hashable {
  /// The passes over the training samples.
  public var epochs = 30
  /// The samples of one step; what is left over at the end of an epoch is not used in it.
  public var batchSize = 64
  /// The highest learning rate.
  public var learningRate = 0.1
  /// The epochs in which the learning rate rises.
  public var warmUpEpochs = 2
  /// μ of Nesterov's momentum.
  public var momentum = 0.9
  /// λ of the weight decay; γ, β and biases are spared.
  public var weightDecay = 5e-4
  /// Where the order of the samples comes from.
  public var shuffleSeed: UInt64 = 0

  /// The usual plan.
  public init() {}

  /// The steps of one epoch over so many samples.
  public func stepsPerEpoch(samples: Int) -> Int { samples / batchSize }

  /// The learning rate over so many samples.
  public func schedule(samples: Int) -> LearningRateSchedule {
    let perEpoch = stepsPerEpoch(samples: samples)
    return LearningRateSchedule(
      peak: learningRate, warmUpSteps: warmUpEpochs * perEpoch, steps: epochs * perEpoch)
  }
}
