import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct WorseWithDepthTests {
  private let known = ["optimizer": "SGD", "criterion": "CrossEntropyLoss", "dataset": "digits"]

  private func pair(
    _ kind: Block.Kind, _ configs: [[String: String]]
  ) -> [ComparedPlan] {
    zip([(2, 0.003), (8, 0.077)], configs).enumerated().map { id, plan in
      ComparedPlan(id + 1, kind, plan.0.0, loss: plan.0.1).with { $0.config = plan.1 }
    }
  }

  private func found(_ plans: [ComparedPlan]) -> WorseWithDepth? {
    comparison(plans).findings.lazy.compactMap {
      switch $0 {
      case .degradation(let found), .trainsWorse(let found): found
      default: nil
      }
    }.first
  }

  @Test func `degradation is said of plain networks only, of others that they train worse`() {
    for kind in [Block.Kind.residual, .concat] {
      #expect(comparison(pair(kind, [known, known])).findings.map(\.kind) == [.trainsWorse])
    }
    #expect(comparison(pair(.plain, [known, known])).findings.map(\.kind) == [.degradation])
  }

  @Test func `what one of the runs does not say is not known to be the same`() {
    #expect(found(pair(.plain, [known, known]))?.unknown == [])
    #expect(found(pair(.plain, [known, [:]]))?.unknown == [.optimizer, .lossFunction, .data])
    #expect(found(pair(.plain, [["optimizer": "SGD"], known]))?.unknown == [.lossFunction, .data])
    // Under two names they are not held against each other, so nothing is known.
    let other = ["opt": "SGD", "loss_fn": "CrossEntropyLoss", "data": "digits"]
    #expect(found(pair(.plain, [known, other]))?.unknown == RecipeGap.allCases)
  }

  @Test func `another optimizer, weight decay or loss is no degradation`() {
    for (key, value) in [
      ("optimizer", "Adam"), ("optimizer.weight_decay", "0.02"), ("criterion", "MSELoss"),
      ("label_smoothing", "0.3"), ("dataset", "CIFAR-10"),
    ] {
      let base = known.merging(["optimizer.weight_decay": "0.0", "label_smoothing": "0"]) { $1 }
      let plans = pair(.residual, [base, base.merging([key: value]) { $1 }])
      #expect(comparison(plans).findings.map(\.kind) == [.notAlike], "\(key)")
    }
  }

  @Test func `the user's word for what the optimizer says itself is not held against it`() {
    let own = ["optimizer": "SGD", "optimizer.momentum": "0.9"]
    let plans = pair(
      .plain,
      [own.merging(["momentum": "0.9"]) { $1 }, own.merging(["momentum": "nine tenths"]) { $1 }])
    #expect(comparison(plans).findings.map(\.kind) == [.degradation])
  }

  @Test func `a network that stays at its first loss does not train, and is no degradation`() {
    let plans = pair(.plain, [known, known])
    let stuck = plans[1].with { plan in
      plan.loss = { 2.3 + [0.01, -0.02, 0.015][$0 / 5 % 3] }
      plan.gradient = { ordinal, _ in ordinal == 0 ? 0.0036 : 1 }
    }
    #expect(comparison([plans[0], stuck]).findings.map(\.kind) == [.doesNotTrain])
    let vanishing = stuck.with { $0.gradient = { ordinal, _ in ordinal == 0 ? 1e-6 : 1 } }
    #expect(comparison([plans[0], vanishing]).findings.map(\.kind) == [.vanishing])
    // It is none to hold a deeper one against either.
    let shallow = stuck.with { ($0.id, $0.stages) = (3, [1]) }
    #expect(comparison([shallow, plans[0]]).cohorts.map(\.steps.count) == [0])
    let falling = stuck.with { $0.loss = ComparedPlan.settling(at: 2) }
    #expect(comparison([plans[0], falling]).findings.map(\.kind) == [.degradation])
  }

  @Test func `plain networks are held against residual ones of as many layers`() {
    func residual(_ id: Int, _ stages: [Int]) -> ComparedPlan {
      ComparedPlan(id: id, stages: stages, loss: ComparedPlan.settling(at: 0.003)).with {
        $0.projections = [stages[0], stages[0] + stages[1]]
      }
    }
    let plans =
      zip([7, 25], [0.003, 0.077]).enumerated().map { id, point in
        ComparedPlan(id + 1, .plain, point.0, loss: point.1)
      } + [residual(3, [3, 3, 3]), residual(4, [9, 9, 9])]
    #expect(found(plans)?.others.map(\.deeper.depth) == [27])
    #expect(found(plans)?.others.map(\.deeper.plainDepth) == [25])
  }
}
