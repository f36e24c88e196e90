import DigitsTrainer
import Testing

@Suite struct TrainingObserverTests {
  private func trained(
    _ shape: NetworkShape, weightDecay: Double = 5e-4, observer: TrainingObserver
  ) -> TrainingResult {
    var plan = TrainingPlan()
    plan.epochs = 2
    plan.warmUpEpochs = 1
    plan.weightDecay = weightDecay
    return train(Network(shape, seed: 3), on: .standard, plan: plan, observer: observer)
  }

  @Test(arguments: NetworkShape.Connection.allCases)
  func `a block's views fit together`(connection: NetworkShape.Connection) {
    let observer = TrainingObserver(gradientsReady: { step in
      let blocks = step.blocks
      #expect(blocks.map(\.ordinal) == [0, 1, 2])
      for block in blocks {
        #expect(block.connection == connection)
        #expect(block.samples == 64 && block.width == 32 && block.stream.count == 64 * 32)
        for place in block.stream.indices {
          let added = connection == .residual ? block.stream[place] : 0
          #expect(block.sum[place] == added + block.branch[place])
          #expect(block.output[place] == max(block.sum[place], 0))
          let open = block.sum[place] > 0
          #expect(block.sumGradient[place] == (open ? block.outputGradient[place] : 0))
        }
      }
      for (block, next) in zip(blocks, blocks.dropFirst()) {
        #expect(block.output.baseAddress == next.stream.baseAddress)
        #expect(block.outputGradient.baseAddress == next.streamGradient.baseAddress)
      }
    })
    var plan = TrainingPlan()
    plan.epochs = 1
    plan.warmUpEpochs = 0
    let few = DigitsSplit.standard.training.samples(at: 0..<192)
    _ = train(
      Network(NetworkShape(blocks: 3, connection: connection), seed: 3),
      on: DigitsSplit(training: few, test: few), plan: plan, observer: observer)
  }

  /// What `gate_gradient` rests on (Statistics.md): γ∂γ + β∂β of the last BN sums up ⟨∂ℓ/∂F, F⟩ over the batch.
  @Test func `the last norm's gradients sum up gradient times branch`() {
    let observer = TrainingObserver(gradientsReady: { step in
      for block in step.blocks {
        var (gate, product, size) = (0.0, 0.0, 0.0)
        for parameter in [block.lastGamma, block.lastBeta] {
          for (value, gradient) in zip(parameter.values, parameter.gradient) {
            gate += Double(value) * Double(gradient)
          }
        }
        for (f, g) in zip(block.branch, block.sumGradient) {
          product += Double(f) * Double(g)
          size += abs(Double(f) * Double(g))
        }
        #expect(abs(gate - product) <= 1e-4 * size)
      }
    })
    _ = trained(NetworkShape(blocks: 4), observer: observer)
  }

  @Test func `between the two calls of a step only the trained parameters move`() {
    var before: [[Float]] = []
    var gradients: [[Float]] = []
    var calls: [Int] = []
    let observer = TrainingObserver(
      gradientsReady: { step in
        calls.append(step.step)
        let parameters = step.blocks.flatMap(\.parameters)
        before = parameters.map { Array($0.values) }
        gradients = parameters.map { Array($0.gradient) }
      },
      parametersUpdated: { step in
        calls.append(step.step)
        let parameters = step.blocks.flatMap(\.parameters)
        #expect(parameters.map { Array($0.gradient) } == gradients)
        for (parameter, old) in zip(parameters, before) where !parameter.name.hasPrefix("blocks.1")
        {
          #expect(Array(parameter.values) != old, "\(parameter.name)")
        }
        for (parameter, old) in zip(parameters, before) where !parameter.isTrained {
          #expect(Array(parameter.values) == old, "\(parameter.name)")
        }
      })
    _ = trained(NetworkShape(blocks: 2, held: [1]), observer: observer)
    #expect(calls == (0..<40).flatMap { [$0, $0] })
  }

  @Test func `the gradients shown hold no weight decay`() {
    func firstGradients(weightDecay: Double) -> [[Float]] {
      var gradients: [[Float]] = []
      let observer = TrainingObserver(gradientsReady: { step in
        guard step.step == 0 else { return }
        gradients = step.blocks.flatMap(\.parameters).map { Array($0.gradient) }
      })
      _ = trained(NetworkShape(blocks: 2), weightDecay: weightDecay, observer: observer)
      return gradients
    }
    #expect(firstGradients(weightDecay: 0) == firstGradients(weightDecay: 0.5))
  }

  @Test func `an observer that reads everything changes nothing`() {
    var sum: Float = 0
    let reading = TrainingObserver(
      gradientsReady: { for block in $0.blocks { sum += block.stream.reduce(0, +) } },
      parametersUpdated: { for block in $0.blocks { sum += block.lastGamma.values[0] } })
    let shape = NetworkShape(blocks: 2)
    #expect(trained(shape, observer: reading) == trained(shape, observer: TrainingObserver()))
    #expect(sum != 0)
  }
}
