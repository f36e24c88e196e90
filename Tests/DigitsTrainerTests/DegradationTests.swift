import DigitsTrainer
import Testing

/// Plain against residual networks, shallow and deep: what He 2015 calls degradation, on this trainer.
///
/// Measured with seeds 1, 2, 3: training loss of plain 2 .0007–.0008, plain 8 .037–.071,
/// residual 8 .0006–.0009.
@Suite struct DegradationTests {
  private func training(
    _ blocks: Int, _ connection: NetworkShape.Connection, seed: UInt64
  ) -> Evaluation {
    var plan = TrainingPlan()
    plan.shuffleSeed = seed
    let network = Network<Float>(
      NetworkShape(blocks: blocks, connection: connection), seed: seed)
    return train(network, on: .standard, plan: plan).training
  }

  #if DEBUG
    static let isOptimised = false
  #else
    static let isOptimised = true
  #endif

  @Test(.enabled(if: isOptimised, "hundreds of times slower unoptimised"), arguments: 1...3)
  func `eight plain blocks fit worse than two, and worse than eight residual ones`(seed: UInt64) {
    let shallow = training(2, .plain, seed: seed)
    let deep = training(8, .plain, seed: seed)
    let residual = training(8, .residual, seed: seed)
    #expect(deep.loss > 5 * shallow.loss)
    #expect(deep.loss > 5 * residual.loss)
    #expect(residual.accuracy > 0.999)
  }
}
