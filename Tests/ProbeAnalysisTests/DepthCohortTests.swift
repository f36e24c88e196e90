import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct DepthCohortTests {
  private func effects(
    _ losses: [(depth: Int, loss: Double)], start: Double? = 2.3
  ) -> [DepthCohort.Effect] {
    let plans = losses.enumerated().map { id, point in
      ComparedPlan(id + 1, .plain, point.depth, loss: point.loss).with { plan in
        if start == nil {
          let loss = plan.loss
          plan.loss = { $0 == 0 ? nil : loss($0) }
        }
      }
    }
    return comparison(plans).cohorts.flatMap { $0.steps.map(\.effect) }
  }

  @Test func `worse needs intervals apart, a tenth more, and a hundredth of the first loss`() {
    #expect(effects([(2, 1.0), (8, 1.3)]) == [.worse])
    #expect(effects([(2, 1.3), (8, 1.0)]) == [.better])
    // A twentieth more is no matter, whatever the intervals.
    #expect(effects([(2, 1.0), (8, 1.02)]) == [.alike])
    // Twice as much of next to nothing is none either: 0.002 is less than 0.023.
    #expect(effects([(2, 0.002), (8, 0.004)]) == [.immaterial])
    #expect(effects([(2, 0.002), (8, 0.04)]) == [.worse])
    // Without a first loss a factor of two is asked for.
    #expect(effects([(2, 1.0), (8, 1.3)], start: nil) == [.immaterial])
    #expect(effects([(2, 0.002), (8, 0.005)], start: nil) == [.worse])
  }

  @Test func `intervals that overlap are not alike, and have a factor with bounds`() throws {
    let plans = [(2, 0.0019), (8, 0.0022)].enumerated().map { id, point in
      ComparedPlan(id + 1, .residual, point.0, loss: point.1).with {
        $0.loss = ComparedPlan.settling(at: point.1, noise: 0.7)
      }
    }
    let step = comparison(plans).cohorts[0].steps[0]
    #expect(step.effect == .undecided)
    let (factor, bounds) = (try #require(step.factor), try #require(step.factorBounds))
    #expect(bounds[0] < 1 && 1 < bounds[1] && bounds[0] < factor && factor < bounds[1])
  }

  @Test func `a noisy difference is undecided`() {
    let noisy = [(2, 1.0), (8, 1.15)].enumerated().map { id, point in
      ComparedPlan(id + 1, .plain, point.0, loss: point.1).with {
        $0.loss = ComparedPlan.settling(at: point.1, noise: 0.6)
      }
    }
    #expect(comparison(noisy).cohorts[0].steps.map(\.effect) == [.undecided])
  }

  @Test func `each depth is held against the best before it`() {
    let cohort = comparison(
      [(2, 1.0), (4, 0.2), (8, 0.6)].enumerated().map { id, point in
        ComparedPlan(id + 1, .plain, point.0, loss: point.1)
      }
    ).cohorts[0]
    #expect(cohort.steps.map(\.effect) == [.better, .worse])
    #expect(cohort.steps.map(\.shallower.depth) == [2, 4])
  }

  @Test func `runs of one depth stand together with the bounds of all`() {
    let plans = [0.9, 1.1, 1.6].enumerated().map { id, loss in
      ComparedPlan(id + 1, .plain, id < 2 ? 2 : 8, loss: loss)
    }
    let cohort = comparison(plans).cohorts[0]
    #expect(cohort.points.map(\.runs) == [[0, 1], [2]])
    let levels = plans.prefix(2).compactMap { $0.run.level }
    #expect(cohort.points[0].level.lower == levels.map(\.lower).min())
    #expect(cohort.points[0].level.upper == levels.map(\.upper).max())
    let mean = (levels[0].value * levels[1].value).squareRoot()
    #expect(abs(cohort.points[0].level.value - mean) < 1e-12)
  }

  @Test func `losses that are not above zero have no factor and decide nothing`() {
    let plans = [2, 8].enumerated().map { id, depth in
      ComparedPlan(id + 1, .plain, depth, loss: 1).with { plan in
        plan.loss = { -Double(depth) + ($0 % 2 == 0 ? 0.1 : 0) }
      }
    }
    let step = comparison(plans).cohorts[0].steps[0]
    #expect(step.effect == .undecided && step.factor == nil)
    #expect(abs(step.shallower.level.value + 2) < 0.11)
  }
}
