import DigitsTrainer
import Testing

@Suite struct NesterovSGDTests {
  /// θ = 1, g = 2 then 1, μ = 0.5, λ = 0.1, η = 0.1.
  ///
  /// With decay: g' = 2.1, v = 2.1, θ = 1 − 0.1·3.15 = 0.685; g' = 1.0685, v = 2.1185,
  /// θ = 0.685 − 0.1·2.12775 = 0.472225. Without: v = 2, θ = 0.7; v = 2, θ = 0.5.
  @Test(arguments: [
    (Parameter<Double>.Treatment.decayed, 0.685, 0.472225),
    (.undecayed, 0.7, 0.5),
    (.frozen, 1, 1),
  ])
  func `two steps are those done by hand`(
    treatment: Parameter<Double>.Treatment, first: Double, second: Double
  ) {
    let optimizer = NesterovSGD(momentum: 0.5, weightDecay: 0.1)
    let parameter = Parameter<Double>(name: "theta", count: 8, treatment: treatment)
    for place in 0..<8 {
      parameter.values[place] = 1
      parameter.gradient[place] = 2
    }
    optimizer.update(parameter, rate: 0.1)
    #expect(parameter.values.view.allSatisfy { abs($0 - first) < 1e-15 })
    for place in 0..<8 { parameter.gradient[place] = 1 }
    optimizer.update(parameter, rate: 0.1)
    #expect(parameter.values.view.allSatisfy { abs($0 - second) < 1e-15 })
    #expect(parameter.gradient.view.allSatisfy { $0 == 1 })
  }
}
