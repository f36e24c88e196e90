import DigitsTrainer
import Testing

@Suite struct TrainingTests {
  private func plan(epochs: Int, shuffleSeed: UInt64 = 1) -> TrainingPlan {
    var plan = TrainingPlan()
    plan.epochs = epochs
    plan.warmUpEpochs = 1
    plan.shuffleSeed = shuffleSeed
    return plan
  }

  private func result(seed: UInt64, shuffleSeed: UInt64) -> (TrainingResult, [Double]) {
    var losses: [Double] = []
    let result = train(
      Network(NetworkShape(blocks: 2), seed: seed), on: .standard,
      plan: plan(epochs: 2, shuffleSeed: shuffleSeed)
    ) { _, _, loss in losses.append(loss) }
    return (result, losses)
  }

  @Test func `the same seeds give the same bits, other seeds others`() {
    let (first, losses) = result(seed: 7, shuffleSeed: 1)
    let (again, sameLosses) = result(seed: 7, shuffleSeed: 1)
    #expect(first == again)
    #expect(losses == sameLosses)
    #expect(result(seed: 8, shuffleSeed: 1).0.training.loss != first.training.loss)
    let (_, shuffled) = result(seed: 7, shuffleSeed: 2)
    #expect(shuffled[0] != losses[0])
  }

  @Test func `progress is told after each step, from 1 to the planned number`() {
    var told: [Int] = []
    let result = train(
      Network(NetworkShape(blocks: 1), seed: 1), on: .standard, plan: plan(epochs: 2)
    ) { step, planned, loss in
      told.append(step)
      #expect(planned == 40)
      #expect(loss.isFinite)
    }
    #expect(told == Array(1...40))
    #expect(result.steps == 40)
    #expect(result.training.samples == 1297)
    #expect(result.test.samples == 500)
  }

  @Test func `an untrained network guesses, and a few epochs teach it`() {
    let network = Network<Float>(NetworkShape(blocks: 2), seed: 1)
    let before = network.evaluate(on: DigitsSplit.standard.test)
    let after = train(network, on: .standard, plan: plan(epochs: 5)).test
    #expect(before.accuracy < 0.4)
    #expect(after.accuracy > 0.93)
    #expect(network.evaluate(on: DigitsSplit.standard.test) == after)
  }

  @Test func `a held block adds exactly nothing on every step`() {
    var steps = 0
    let observer = TrainingObserver(gradientsReady: { step in
      steps += 1
      let blocks = step.blocks
      for ordinal in [1, 3] {
        let block = blocks[ordinal]
        #expect(block.branch.allSatisfy { $0 == 0 })
        #expect(block.output.elementsEqual(block.stream))
        #expect(block.streamGradient.elementsEqual(block.sumGradient))
        #expect(block.lastGamma.values.allSatisfy { $0 == 0 } && !block.lastGamma.isTrained)
        #expect(block.lastBeta.values.allSatisfy { $0 == 0 } && !block.lastBeta.isTrained)
      }
      #expect(!blocks[2].output.elementsEqual(blocks[2].stream))
    })
    _ = train(
      Network(NetworkShape(blocks: 4, held: [1, 3]), seed: 1), on: .standard,
      plan: plan(epochs: 4), observer: observer)
    #expect(steps == 80)
  }
}
