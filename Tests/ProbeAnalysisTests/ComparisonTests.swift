import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct ComparisonTests {
  private let shallow = ComparedPlan(1, .plain, 2, loss: 0.003)
  private let deep = ComparedPlan(2, .plain, 8, loss: 0.077)

  private func kinds(_ plans: [ComparedPlan]) -> [ComparisonFinding.Kind] {
    comparison(plans).findings.map(\.kind)
  }

  @Test func `deeper trains worse in the plain family alone`() throws {
    let plans = [
      shallow, deep, ComparedPlan(3, .residual, 2, loss: 0.0017),
      ComparedPlan(4, .residual, 8, loss: 0.004),
    ]
    let comparison = comparison(plans)
    #expect(comparison.findings.map(\.kind) == [.degradation])
    #expect(comparison.cohorts.map(\.family) == [.plain, .residual])
    #expect(comparison.cohorts.map { $0.steps.map(\.effect) } == [[.worse], [.immaterial]])
    guard case .degradation(let found)? = comparison.findings.first else {
      Issue.record("no degradation")
      return
    }
    #expect(abs(try #require(found.step.factor) - 0.077 / 0.003) < 0.1)
    #expect(found.family == .plain && found.others.map(\.family) == [.residual])
    #expect(found.unknown == RecipeGap.allCases)
    #expect(comparison.findings[0].runs == [0, 1])
  }

  @Test func `the order in which runs are named changes nothing that is said`() {
    let plans = [deep, shallow]
    #expect(kinds(plans) == [.degradation])
    #expect(comparison(plans).findings[0].runs == [0, 1])
    #expect(comparison(plans).cohorts[0].points.map(\.depth) == [2, 8])
  }

  @Test func `a network that explodes at initialisation is not called degraded`() {
    let exploding = deep.with { plan in
      plan.stages = [27]
      plan.gradient = { ordinal, step in step == 0 && ordinal == 0 ? 1.8e4 : 1 }
    }
    #expect(kinds([shallow, exploding]) == [.explodingAtInitialisation])
    #expect(comparison([shallow, exploding]).runs[1].gradientAtStart?.ratio == 1.8e4)
    // At exactly the limit it is not.
    let atLimit = exploding.with { $0.gradient = { ordinal, _ in ordinal == 0 ? 1e3 : 1 } }
    #expect(kinds([shallow, atLimit]) == [.degradation])
    // And later growth is no matter of initialisation.
    // A little above it both are named: such a network still trains.
    for (ratio, expected) in [
      (1.1e3, [.explodingAtInitialisation, .degradation]),
      (9.9e3, [.explodingAtInitialisation, .degradation]),
      (1.01e4, [.explodingAtInitialisation]),
    ] as [(Double, [ComparisonFinding.Kind])] {
      #expect(
        kinds([
          shallow, exploding.with { $0.gradient = { ordinal, _ in ordinal == 0 ? ratio : 1 } },
        ])
          == expected, "\(ratio)")
    }
    let later = exploding.with {
      $0.gradient = { ordinal, step in step > 0 && ordinal == 0 ? 1e5 : 1 }
    }
    #expect(kinds([shallow, later]) == [.degradation])
  }

  @Test func `a flat loss with vanishing gradients is named, a flat loss alone is not`() {
    let flat = deep.with { plan in
      plan.loss = { [2.31, 2.30, 2.32][$0 / 5 % 3] }
      plan.gradient = { ordinal, _ in ordinal == 0 ? 1e-6 : 1 }
    }
    #expect(kinds([shallow, flat]) == [.vanishing])
    let withGradient = flat.with { $0.gradient = { _, _ in 1 } }
    #expect(kinds([shallow, withGradient]) == [.doesNotTrain])
    let falling = flat.with { $0.loss = ComparedPlan.settling(at: 0.5) }
    #expect(kinds([shallow, falling]) == [.degradation])
    let nothing = flat.with { $0.gradient = { _, _ in 0 } }
    #expect(kinds([shallow, nothing]) == [.vanishing])
    // A loss that was low from the first fifth on is flat and fine.
    let fitted = flat.with { $0.loss = { $0 == 0 ? 2.3 : 0.01 } }
    #expect(!kinds([shallow, fitted]).contains(.vanishing))
  }

  @Test func `a loss that is last not finite has diverged, one that recovered has not`() {
    let diverged = deep.with { plan in
      plan.loss = { $0 >= 300 ? .nan : 1 }
      plan.status = .failed
    }
    let found = comparison([shallow, diverged])
    #expect(found.findings.map(\.kind) == [.diverged])
    #expect(found.runs[1].loss == .nonFinite(since: 300))
    let recovered = deep.with { $0.loss = { $0 == 0 ? 2.3 : $0 == 450 ? .infinity : 0.077 } }
    #expect(kinds([shallow, recovered]) == [.degradation])
    let never = deep.with { $0.loss = { _ in .nan } }
    #expect(comparison([shallow, never]).runs[1].loss == .nonFinite(since: 0))
  }

  @Test func `runs that are not alike are not held against each other`() {
    let changes: [(RecipeAspect, (inout ComparedPlan) -> Void)] = [
      (.learningRate, { $0.rate = { _ in 0.05 } }),
      (.learningRate, { $0.rate = { $0 < 250 ? 0.1 : 0.01 } }),
      (.batch, { $0.samples = 128 }),
      (.streams, { $0.shape = [64] }),
      (.setting("weight_decay"), { $0.config = ["optim.Weight-Decay": "0.01"] }),
      (.length, { $0.planned = 1001 }),
      (.setting("optimizer"), { $0.config["optimizer"] = "Adam" }),
      (.setting("optimizer.momentum"), { $0.config["optimizer.momentum"] = "0.0" }),
      (.setting("optimizer.nesterov"), { $0.config["optimizer.nesterov"] = "True" }),
    ]
    let own = ["optimizer": "SGD", "optimizer.momentum": "0.9", "optimizer.nesterov": "False"]
    let base = shallow.with {
      $0.config = ["weight_decay": "5e-4", "seed": "1", "blocks": "2"].merging(own) { $1 }
    }
    let deep = deep.with { $0.config = own }
    for (aspect, change) in changes {
      let found = comparison([base, deep.with(change)])
      #expect(found.findings.map(\.kind) == [.notAlike], "\(aspect)")
      guard case .notAlike(let difference)? = found.findings.first else { continue }
      #expect(difference.aspect == aspect)
      #expect(found.cohorts.count == 2)
    }
    // What is no part of the recipe, or is the same number, does not matter.
    let alike = deep.with {
      $0.config = ["weight_decay": "0.0005", "seed": "2", "blocks": "8", "optimizer": "sgd"]
      $0.rate = { _ in 0.1004 }
    }
    #expect(kinds([base, alike]) == [.degradation])
    // What is not known of one of them does not tell them apart.
    #expect(kinds([base, deep.with { $0.rate = { _ in nil } }]) == [.degradation])
  }

  @Test func `each group of like runs is held against depth by itself`() {
    let slow: (inout ComparedPlan) -> Void = { $0.rate = { _ in 0.01 } }
    let plans = [
      shallow, deep,
      ComparedPlan(3, .plain, 2, loss: 0.002).with(slow),
      ComparedPlan(4, .plain, 8, loss: 0.002).with(slow),
    ]
    let found = comparison(plans)
    #expect(found.cohorts.map { $0.steps.map(\.effect) } == [[.worse], [.alike]])
    #expect(found.findings.map(\.kind) == [.notAlike, .degradation])
  }

  @Test func `runs without an end, a loss, blocks or a beginning say so and no more`() {
    let cases: [(ComparedPlan, [ComparisonFinding.Kind])] = [
      (
        deep.with {
          $0.status = nil; $0.steps = Array(stride(from: 0, to: 300, by: 5))
        }, [.unfinished]
      ),
      (deep.with { $0.status = .failed }, [.unfinished]),
      (deep.with { $0.loss = { _ in nil } }, [.noLoss]),
      (deep.with { $0.stages = [] }, [.noBlocks]),
      (
        deep.with { $0.steps = Array(stride(from: 50, through: 500, by: 5)) },
        [.noStart, .degradation]
      ),
      (
        deep.with {
          $0.steps = []; $0.status = nil; $0.planned = nil
        },
        [.unfinished, .noLoss]
      ),
    ]
    for (plan, expected) in cases { #expect(kinds([shallow, plan]) == expected) }
    // Killed after its last step: finished all the same.
    #expect(kinds([shallow, deep.with { $0.status = nil }]) == [.degradation])
    let few = deep.with { $0.loss = { $0 >= 490 ? 0.1 : nil } }
    #expect(comparison([shallow, few]).runs[1].loss == .few(records: 3))
  }

  @Test func `a run named twice is said so`() {
    #expect(comparison([shallow, deep], repeated: [1]).findings.first == .repeated(run: 1))
  }
}
