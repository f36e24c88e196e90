/// What a training came to.
public struct TrainingResult: Sendable, Hashable {
  /// The optimizer steps taken.
  public let steps: Int
  /// How the network does on the samples it was fitted to.
  public let training: Evaluation
  /// How it does on samples it never saw.
  public let test: Evaluation
}

/// Trains a network, in an ordinary loop.
///
/// The same network, digits and plan give the same bits on one machine. Takes 30 to 60 µs a block
/// and step; an observer that does nothing adds nothing.
///
/// - Parameters:
///   - network: what to train, from where it stands; there must be room in it for a batch.
///   - digits: the samples, of which there must be a batch at least.
///   - plan: how.
///   - observer: what is told of each step.
///   - progress: told step, planned steps and the batch's loss after each step.
/// - Returns: how the network does at the end, in eval mode over all samples.
public func train(
  _ network: Network<Float>, on digits: DigitsSplit, plan: TrainingPlan = TrainingPlan(),
  observer: TrainingObserver = TrainingObserver(),
  progress: (_ step: Int, _ plannedSteps: Int, _ loss: Double) -> Void = { _, _, _ in }
) -> TrainingResult {
  let samples = plan.batchSize
  let stepsPerEpoch = plan.stepsPerEpoch(samples: digits.training.count)
  let schedule = plan.schedule(samples: digits.training.count)
  let optimizer = NesterovSGD(momentum: plan.momentum, weightDecay: plan.weightDecay)
  let parameters = network.parameters
  var generator = SplitMix64(seed: plan.shuffleSeed)
  var step = 0
  for _ in 0..<plan.epochs {
    let order = generator.permutation(of: digits.training.count)
    for batch in 0..<stepsPerEpoch {
      network.load(digits.training, at: order[batch * samples..<(batch + 1) * samples])
      network.forward(samples: samples, mode: .training)
      let loss = network.score(samples: samples).lossSum / Double(samples)
      network.backward(samples: samples)

      let seen = TrainingStep(
        step: step, plannedSteps: schedule.steps, loss: loss,
        learningRate: schedule.rate(at: step), samples: samples, network: network)
      observer.gradientsReady(seen)
      for parameter in parameters { optimizer.update(parameter, rate: seen.learningRate) }
      observer.parametersUpdated(seen)

      step += 1
      progress(step, schedule.steps, loss)
    }
  }
  return TrainingResult(
    steps: step, training: network.evaluate(on: digits.training),
    test: network.evaluate(on: digits.test))
}
