import DigitsTrainer
import ProbeCore
import ProbeRecorder
import Testing

@Suite struct ExaminingTests {
  private static func network(
    _ connection: NetworkShape.Connection = .residual, held: Set<Int> = []
  ) -> Network<Float> {
    let network = Network<Float>(
      NetworkShape(blocks: 4, connection: connection, held: held), seed: 3)
    var plan = TrainingPlan()
    plan.epochs = 2
    plan.warmUpEpochs = 1
    _ = train(network, on: .standard, plan: plan)
    return network
  }

  private func parts(
    _ network: Network<Float>, on digits: Digits
  ) -> [(examination: Examination, part: ExaminationPart)] {
    var found: [(Examination, ExaminationPart)] = []
    network.examine(on: digits, step: 40) { found.append(($0, $1)) }
    return found
  }

  private func ablations(_ network: Network<Float>, on digits: Digits) -> [[Int]: Ablation] {
    let found = parts(network, on: digits).compactMap { entry -> Ablation? in
      guard case .ablation(let ablation) = entry.part else { return nil }
      return ablation
    }
    return Dictionary(uniqueKeysWithValues: found.map { ($0.ordinals, $0) })
  }

  @Test func `every block is removed by itself, and the network is as it was`() throws {
    let network = Self.network()
    let digits = DigitsSplit.standard.test
    let before = network.evaluate(on: digits)
    let found = parts(network, on: digits)
    #expect(network.evaluate(on: digits) == before)
    let examination = try #require(found.last?.examination)
    #expect(found.map(\.examination.planned) == found.map(\.examination.planned).sorted())
    #expect(found.allSatisfy { $0.examination.identity == examination.identity })
    #expect(examination.step == 40 && examination.samples == 500)
    #expect(abs(examination.baseLoss - before.loss) < 1e-12)
    #expect(abs((examination.baseError ?? 9) - (1 - before.accuracy)) < 1e-12)
    let ablations = ablations(network, on: digits)
    #expect(ablations.count == examination.planned)
    for ordinal in 0..<4 { #expect(ablations[[ordinal]]?.identityGap.n == 500) }
  }

  @Test func `blocks leave along five orders, whose beginnings are measured`() throws {
    let network = Self.network()
    let digits = DigitsSplit.standard.test
    var orders: [RemovalOrder.Strategy: [[Int]]] = [:]
    for case (_, .order(let order)) in parts(network, on: digits) {
      if order.place > 0 {
        orders[order.strategy]?[0] += order.ordinals
      } else {
        orders[order.strategy, default: []].append(order.ordinals)
      }
    }
    #expect(orders[.deepestFirst] == [[3, 2, 1, 0]])
    #expect(orders[.greedy]?.count == 1 && orders[.random]?.count == 3)
    let ablations = ablations(network, on: digits)
    for order in orders.values.joined() {
      #expect(order.sorted() == [0, 1, 2, 3])
      for count in 1...4 {
        let set = order.prefix(count).sorted()
        let loss = network.losses(on: digits, removing: Set(set)).loss
        let change = loss - network.losses(on: digits).loss
        #expect(abs(try #require(ablations[set]?.loss).value - change) < 1e-9)
      }
    }
  }

  @Test func `spans of a stage and the likeness of all blocks are told`() throws {
    let found = parts(Self.network(held: [2]), on: DigitsSplit.standard.test)
    let rows = found.compactMap { entry -> [Similarity]? in
      guard case .similarities(let pairs) = entry.part else { return nil }
      return pairs
    }
    #expect(rows.map(\.count) == [4, 3, 2, 1])
    let held = rows[2][0]
    #expect(held.spanGap == 0 && held.angularDistance.mean == 0 && held.branchCKA == nil)
    for pair in rows.joined() {
      #expect(pair.angularDistance.n == 500 && pair.gapSamples == 500)
      #expect(pair.first != pair.last || abs((pair.cka ?? 0) - 1) < 1e-12)
    }
    // Nothing stands between the blocks: what the held one returns is what the one before does.
    let across = rows[1][1]
    #expect(abs((across.cka ?? 0) - 1) < 1e-12)
    #expect(across.angularDistance == rows[1][0].angularDistance)
  }

  @Test func `a held block's removal changes exactly nothing, another's does`() throws {
    let found = ablations(Self.network(held: [2]), on: DigitsSplit.standard.test)
    let held = try #require(found[[2]])
    #expect(held.loss == Ablation.Change(value: 0, lower: 0, upper: 0))
    #expect(held.lossChanges.m2 == 0 && held.identityGap.max == 0)
    #expect((found[[0]]?.loss?.lower ?? 0) > 0)
  }

  @Test func `removing a block is the network with its last norm at zero`() {
    let digits = DigitsSplit.standard.test
    let network = Self.network()
    let removed = network.losses(on: digits, removing: [1])
    let norm = network.parameters.filter { $0.name.hasPrefix("blocks.1.last_norm.") }
    #expect(norm.count == 2)
    norm.forEach { $0.fill(0) }
    #expect(network.losses(on: digits) == removed)
  }

  @Test func `a plain block is replaced by the identity`() throws {
    let found = ablations(Self.network(.plain), on: DigitsSplit.standard.test)
    for ordinal in 0..<4 {
      let ablation = found[[ordinal]]
      #expect(ablation?.loss?.value.isFinite == true && ablation?.identityGap.n == 500)
    }
  }
}
