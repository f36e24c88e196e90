import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct OverfittingTests {
  private func found(
    _ shallow: Double, _ deep: Double, training: (Double, Double) = (0.01, 0.001),
    key: String = "test_loss"
  ) -> [Overfitting] {
    let plans = [
      ComparedPlan(1, .residual, 2, loss: training.0).with {
        $0.metrics = [FinalMetric(key: key, value: shallow, step: 500)]
      },
      ComparedPlan(2, .residual, 8, loss: training.1).with {
        $0.metrics = [FinalMetric(key: key, value: deep, step: 500)]
      },
    ]
    return comparison(plans).findings.compactMap {
      if case .overfitting(let found) = $0 { found } else { nil }
    }
  }

  @Test func `trains better and tests worse`() {
    #expect(found(0.2, 0.3).map(\.key) == ["test_loss"])
    #expect(found(0.2, 0.3).map(\.deeperValue) == [0.3])
    #expect(found(0.2, 0.21).isEmpty)
    #expect(found(0.3, 0.2).isEmpty)
    // Not where it trains no better.
    #expect(found(0.2, 0.3, training: (0.001, 0.001)).isEmpty)
    #expect(found(0.2, 0.3, training: (0.001, 0.01)).isEmpty)
  }

  @Test func `an accuracy is worse where it is less, in shares and in percent`() {
    #expect(found(0.95, 0.93, key: "val/acc").count == 1)
    #expect(found(95, 93, key: "val/acc").count == 1)
    #expect(found(0.93, 0.95, key: "val/acc").isEmpty)
    // Three in a thousand are too few to tell, whatever the factor.
    #expect(found(0.999, 0.996, key: "val/acc").isEmpty)
    #expect(found(0.05, 0.07, key: "eval_error").count == 1)
  }

  @Test func `every run of the deeper network has to be worse`() {
    func run(_ id: Int, _ depth: Int, _ loss: Double, _ test: Double) -> ComparedPlan {
      ComparedPlan(id, .residual, depth, loss: loss).with {
        $0.metrics = [FinalMetric(key: "test_loss", value: test, step: 500)]
      }
    }
    let shallow = [run(1, 2, 0.01, 0.2), run(2, 2, 0.011, 0.22)]
    let worse = shallow + [run(3, 8, 0.001, 0.3), run(4, 8, 0.0011, 0.28)]
    #expect(comparison(worse).findings.map(\.kind) == [.overfitting])
    let mixed = shallow + [run(3, 8, 0.001, 0.4), run(4, 8, 0.0011, 0.21)]
    #expect(comparison(mixed).findings.isEmpty)
    // A metric that one of them lacks says nothing.
    let lacking = shallow + [run(3, 8, 0.001, 0.3), run(4, 8, 0.001, 0.3).with { $0.metrics = [] }]
    #expect(comparison(lacking).findings.isEmpty)
  }
}
