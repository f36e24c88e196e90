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

  private func examined(
    _ network: Network<Float>, on digits: Digits
  ) -> [(Examination, Ablation)] {
    var found: [(Examination, Ablation)] = []
    network.examine(on: digits, step: 40) { found.append(($0, $1)) }
    return found
  }

  @Test func `every block is removed once, and the network is as it was`() throws {
    let network = Self.network()
    let digits = DigitsSplit.standard.test
    let before = network.evaluate(on: digits)
    let found = examined(network, on: digits)
    #expect(network.evaluate(on: digits) == before)
    #expect(found.map(\.1.ordinals) == [[0], [1], [2], [3]])
    let examination = try #require(found.first?.0)
    #expect(found.allSatisfy { $0.0 == examination })
    #expect(examination.step == 40 && examination.samples == 500 && examination.planned == 4)
    #expect(abs(examination.baseLoss - before.loss) < 1e-12)
    #expect(abs((examination.baseError ?? 9) - (1 - before.accuracy)) < 1e-12)
    #expect(found.allSatisfy { $0.1.identityGap.n == 500 })
  }

  @Test func `a held block's removal changes exactly nothing, another's does`() throws {
    let found = examined(Self.network(held: [2]), on: DigitsSplit.standard.test)
    let held = found[2].1
    #expect(held.loss == Ablation.Change(value: 0, lower: 0, upper: 0))
    #expect(held.lossChanges.m2 == 0 && held.identityGap.max == 0)
    #expect((found[0].1.loss?.lower ?? 0) > 0)
  }

  @Test func `removing a block is the network with its last norm at zero`() {
    let digits = DigitsSplit.standard.test
    let network = Self.network()
    let removed = network.losses(on: digits, removing: 1)
    let norm = network.parameters.filter { $0.name.hasPrefix("blocks.1.last_norm.") }
    #expect(norm.count == 2)
    norm.forEach { $0.fill(0) }
    #expect(network.losses(on: digits) == removed)
  }

  @Test func `a plain block is replaced by the identity`() throws {
    let found = examined(Self.network(.plain), on: DigitsSplit.standard.test)
    #expect(found.count == 4)
    #expect(found.allSatisfy { $0.1.loss?.value.isFinite == true && $0.1.identityGap.n == 500 })
  }
}
