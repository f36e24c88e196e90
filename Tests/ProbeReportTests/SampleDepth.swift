internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport

/// Networks that were examined, made by rule.
enum SampleDepth {
  /// What leaving out each block of the residual sample costs; sets cost a little more than the sum.
  static let costs = [
    0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.5, 0.01, 0.004, 0.002, 0.001, 0.0005,
  ]

  /// Of the residual sample's blocks the projection, and so the border of its two stages.
  static let projection = 6

  /// What removing blocks did, by rule.
  static func ablation(_ ordinals: [Int], costs: [Double] = costs) -> Ablation {
    let sum = ordinals.reduce(0) { $0 + costs[$1] }
    let value = sum * (1 + sum)
    var ablation = Ablation(
      ordinals: ordinals.sorted(), wallTime: 0, lossChanges: Moments(n: 1024, mean: value, m2: 1)!)
    ablation.loss = .init(
      value: value, lower: 0.8 * value - 0.001, upper: 1.2 * value + 0.001)
    ablation.halves = .init(even: value, odd: value)
    ablation.error = .init(value: value / 10, lower: value / 20, upper: value / 5)
    return ablation
  }

  /// Every block alone, and the beginnings of orders.
  static func curves(
    _ orders: [RemovalOrder], blocks: Int, costs: [Double] = costs
  ) -> [Ablation] {
    var sets = Set((0..<blocks).map { [$0] })
    for order in orders {
      // The others are measured at few numbers of blocks only.
      for count in order.ordinals.indices where order.strategy == .greedy || count % 3 == 0 {
        sets.insert(order.ordinals[...count].sorted())
      }
    }
    return sets.sorted { ($0.count, $0[0]) < ($1.count, $1[0]) }.map {
      ablation($0, costs: costs)
    }
  }

  static let orders = [
    RemovalOrder(strategy: .greedy, ordinals: [11, 10, 9, 8, 7, 5, 4, 3, 2, 1, 0, 6]),
    RemovalOrder(strategy: .deepestFirst, ordinals: Array((0..<12).reversed())),
    RemovalOrder(strategy: .random, number: 0, ordinals: [3, 9, 0, 6, 11, 1, 2, 10, 8, 4, 5, 7]),
    RemovalOrder(strategy: .random, number: 1, ordinals: [7, 2, 11, 8, 0, 4, 1, 6, 5, 3, 10, 9]),
  ]

  /// How alike all pairs of blocks are; spans within a stage.
  static func similarities(_ blocks: [Block]) -> [Similarity] {
    blocks.flatMap { first in
      blocks.filter { $0.ordinal >= first.ordinal }.map { last in
        var pair = Similarity(first: first.ordinal, last: last.ordinal)
        let span = blocks[first.ordinal...last.ordinal]
        if span.allSatisfy({ $0.canBeIdentity && $0.stage == first.stage }) {
          let turns = span.map { 0.02 + costs[$0.ordinal % costs.count] / 5 }
          let distance = min(1, turns.reduce(0) { $0 + $1 * $1 }.squareRoot())
          pair.angularDistance = Moments(n: 1024, mean: distance, m2: 0)!
          pair.gapSamples = 1024
          pair.gapLogs = Moments(n: 1024, mean: -2 + Double(span.count) / 4, m2: 0)!
        }
        pair.cka = 1 - 0.04 * Double(span.count - 1)
        pair.branchCKA = span.count == 1 ? 1 : 0.3
        return pair
      }
    }
  }

  static func examination(step: Int = 2001, samples: Int = 1024) -> Examination {
    Examination(
      identity: Sample.run.uuid, step: step, samples: samples, planned: 40, baseLoss: 0.5,
      baseError: 0.1)
  }

  /// Twelve residual blocks in two stages, whose branches weigh less the deeper they are.
  static func history(names: [String]? = nil) -> History {
    let names = names ?? (0..<12).map { "layer\($0 < 6 ? 1 : 2).\($0 < 6 ? $0 : $0 - 6)" }
    var history = Sample.history(
      names.enumerated().map { place, name in
        .init(
          name: name, from: 0.5, to: 0.3, verdict: .active,
          shortcut: place == projection ? .projection : .identity, taylor: costs[place] + 0.001)
      })
    for place in history.blocks.indices {
      history.blocks[place].block.stage = place <= projection ? 0 : 1
      history.blocks[place].latest?.statistics.branchGain = Moments(
        n: 128, mean: 0.5 / Double(place + 1), m2: 0)!
      history.blocks[place].latest?.statistics.blockInfluence = Moments(
        n: 128, mean: 0.1, m2: 0)!
    }
    return history
  }

  /// The same, examined with all that an examination measures.
  static func examined(names: [String]? = nil, samples: Int = 1024, step: Int = 2001) -> History {
    var history = history(names: names)
    history.ablations = Ablations(
      examination(step: step, samples: samples), curves(orders, blocks: 12), orders: orders,
      similarities: similarities(history.blocks.map(\.block)))
    return history
  }

  /// Dense blocks that each read all before them, one of them hardly.
  static func dense() -> History {
    var history = Sample.history(
      (0..<5).map { .init(name: "dense.\($0)", from: nil, to: nil, verdict: .notApplicable) })
    for place in history.blocks.indices {
      history.blocks[place].block.kind = .concat
      history.blocks[place].block.stage = 0
    }
    let reuse = (0..<5).map { reader in
      Reuse(
        reader: reader,
        sources: [.init(ordinal: nil, maps: 16, meanWeight: 0.02)]
          + (0..<reader).map {
            .init(ordinal: $0, maps: 8, meanWeight: $0 == 1 ? 0.001 : 0.01 * Double($0 + 1))
          })
    }
    history.ablations = Ablations(
      examination(), (0..<5).map { ablation([$0]) },
      similarities: similarities(history.blocks.map(\.block)), reuse: reuse)
    return history
  }

  /// Plain blocks, of which only CKA is known.
  static func plain() -> History {
    var history = Sample.history(
      (0..<4).map { .init(name: "features.\($0)", from: 0.9, to: 0.8, verdict: .active) })
    for place in history.blocks.indices {
      history.blocks[place].block.kind = .plain
      history.blocks[place].block.shortcut = .none
      history.blocks[place].block.stage = place
    }
    history.ablations = Ablations(
      examination(), (0..<4).map { ablation([$0]) },
      similarities: similarities(history.blocks.map(\.block)))
    return history
  }

  /// The verdicts that a report of a sample would have.
  static func verdicts(_ history: History) -> [BlockVerdict] {
    Verdicts.judge(history, settings: VerdictSettings())
  }

  static func report(_ history: History) -> Report {
    Sample.report(history, verdicts: verdicts(history))
  }

  static func plan(
    _ history: History, choice: CandidateSet.Choice = .withinTolerance,
    settings: VerdictSettings = VerdictSettings()
  ) -> Plan {
    Plan(
      history: history, verdicts: Verdicts.judge(history, settings: settings),
      window: VerdictWindow(steps: history.steps, settings: settings), settings: settings,
      choice: choice)
  }
}
