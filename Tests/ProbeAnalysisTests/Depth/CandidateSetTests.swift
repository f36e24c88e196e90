import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct CandidateSetTests {
  private static func verdict(
    _ ordinal: Int, _ verdict: Verdict, _ confirmation: ProbeCore.Confirmation? = nil
  )
    -> BlockVerdict
  {
    var result = BlockVerdict(ordinal: ordinal, verdict: verdict)
    result.confirmation = confirmation
    return result
  }

  /// Blocks 0 … 3 of which 1 and 3 are called identities; Taylor importance puts 3 first.
  private static func candidates(
    _ ablations: Ablations?, choice: CandidateSet.Choice = .withinTolerance,
    verdicts: [BlockVerdict] = [
      verdict(0, .active), verdict(1, .nearIdentity), verdict(2, .partialIdentity),
      verdict(3, .strictIdentity),
    ],
    blocks: [Block] = (0..<4).map { residual($0) }, taylor: [Double] = [4, 2, 3, 1],
    settings: VerdictSettings = VerdictSettings()
  ) -> CandidateSet {
    let history = run(blocks, taylor: taylor, ablations)
    return Depth(
      history, window: VerdictWindow(steps: history.steps, settings: settings), verdicts: verdicts,
      settings: settings, choice: choice
    ).candidates
  }

  private static let greedy = RemovalOrder(strategy: .greedy, ordinals: [2, 0, 1, 3])
  private static let curve = [
    removed([0], 0.003), removed([1], 0.2), removed([2], 0.001), removed([3], 0.4),
    removed([0, 2], 0.006), removed([0, 1, 2], 0.3), removed([0, 1, 2, 3], 0.9),
  ]

  @Test func `measured candidates are the cheap beginning of the greedy order`() throws {
    let set = Self.candidates(examination(Self.curve, orders: [Self.greedy]))
    #expect(set.basis == .measured && set.doubt == nil && set.isConfirmed)
    #expect(set.ordinals == [2, 0], "in the order of removal")
    #expect(set.tolerance == 0.01)
    #expect(set.joint == Self.curve[4])
    let loss = try #require(set.loss)
    #expect(loss.sumOfSingles.map { agree($0, 0.004, within: 1e-12) } == true)
    #expect(loss.jointly?.value == 0.006)
    #expect(loss.heldOutUpper == Self.curve[4].heldOutUpper)
    #expect(set.rule?.dropped == 2)
  }

  @Test func `a greater tolerance takes more blocks along`() {
    var settings = VerdictSettings()
    settings.tolerance = 0.5
    let set = Self.candidates(examination(Self.curve, orders: [Self.greedy]), settings: settings)
    #expect(set.ordinals == [2, 0, 1] && set.tolerance == 0.5)
  }

  @Test func `where no block may go the measured set is empty and confirms nothing`() {
    var settings = VerdictSettings()
    settings.tolerance = 0
    let set = Self.candidates(examination(Self.curve, orders: [Self.greedy]), settings: settings)
    #expect(set.basis == .measured && set.ordinals.isEmpty && !set.isConfirmed)
    #expect(set.joint == nil && set.loss?.jointly == nil && set.loss?.sumOfSingles == 0)
    #expect(set.macs.share == nil && set.parameters.share == nil)
  }

  @Test func `without an examination identity verdicts stand in, least Taylor importance first`() {
    let set = Self.candidates(nil)
    #expect(set.basis == .verdicts && set.doubt == .neverExamined && !set.isConfirmed)
    #expect(set.ordinals == [3, 1])
    #expect(set.tolerance == nil && set.loss == nil && set.rule == nil && set.errorChange == nil)
  }

  @Test func `equal Taylor importance goes by ordinal, and a block without one comes last`() {
    let verdicts = (0..<4).map { Self.verdict($0, .nearIdentity) }
    #expect(
      Self.candidates(nil, verdicts: verdicts, taylor: [2, 1, 1, 1]).ordinals == [1, 2, 3, 0])
    let blocks = (0..<2).map { residual($0) }
    var history = run(blocks, taylor: [1, 2], nil)
    for index in history.blocks[0].recent.indices {
      history.blocks[0].recent[index].statistics.taylorImportance = Moments()
    }
    let set = CandidateSet(
      history, curves: nil, use: nil, verdicts: Array(verdicts.prefix(2)),
      settings: VerdictSettings())
    #expect(set.ordinals == [1, 0])
  }

  @Test func `an examination that does not count says why`() {
    let old = Self.candidates(examination(Self.curve, orders: [Self.greedy], step: 0))
    #expect(old.doubt == .examination(.old) && old.basis == .verdicts && old.ordinals == [3, 1])
    #expect(old.loss == nil && old.joint == nil, "of another network")
    let few = Self.candidates(examination(Self.curve, orders: [Self.greedy], samples: 99))
    #expect(few.doubt == .examination(.fewSamples) && !few.isConfirmed)
    #expect(few.loss?.sumOfSingles.map { agree($0, 0.6, within: 1e-12) } == true)
    #expect(few.loss?.jointly == nil)
  }

  @Test func `singles without an order leave identities that none of them contradicts`() {
    let verdicts = [
      Self.verdict(0, .strictIdentity, .contradicted), Self.verdict(1, .nearIdentity, .confirmed),
      Self.verdict(2, .nearIdentity, .open), Self.verdict(3, .active),
    ]
    let set = Self.candidates(examination(Array(Self.curve.prefix(4))), verdicts: verdicts)
    #expect(set.basis == .verdicts && set.doubt == .noGreedyOrder)
    #expect(set.ordinals == [1, 2])
    #expect(set.loss?.sumOfSingles.map { agree($0, 0.201, within: 1e-12) } == true)
    #expect(set.joint == nil && !set.isConfirmed)
  }

  @Test func `identities that were removed together have that loss, and it confirms them`() {
    let cheap = removed([1, 3], 0.002)
    let set = Self.candidates(examination([cheap]))
    #expect(set.joint == cheap && set.loss?.jointly == cheap.loss && set.isConfirmed)
    #expect(set.loss?.sumOfSingles == nil, "no single was measured")
    #expect(set.loss?.heldOutUpper == nil, "no choice was made by the probe set")
    #expect(set.basis == .verdicts && set.doubt == .noGreedyOrder)
    #expect(!Self.candidates(examination([removed([1, 3], 0.02)])).isConfirmed)
    #expect(!Self.candidates(examination([removed([1, 3], nil)])).isConfirmed)
    let wrong = removed([1, 3], 0, error: .init(value: 0.05, lower: 0.02, upper: 0.08))
    #expect(!Self.candidates(examination([wrong])).isConfirmed)
    #expect(!Self.candidates(examination([cheap], samples: 50)).isConfirmed)
  }

  @Test func `no identity and no order is no candidate`() {
    let set = Self.candidates(nil, verdicts: [])
    #expect(set.basis == .none && set.ordinals.isEmpty && !set.isConfirmed)
    let empty = Self.candidates(nil, verdicts: [], blocks: [], taylor: [])
    #expect(empty.basis == .none && empty.doubt == .neverExamined)
  }

  @Test func `so many of the greedy order whatever they cost, confirmed as far as the rule goes`() {
    let ablations = examination(Self.curve, orders: [Self.greedy])
    let three = Self.candidates(ablations, choice: .drop(3))
    #expect(three.ordinals == [2, 0, 1] && three.basis == .measured && !three.isConfirmed)
    #expect(three.loss?.jointly?.value == 0.3)
    #expect(Self.candidates(ablations, choice: .drop(1)).isConfirmed)
    #expect(Self.candidates(ablations, choice: .drop(99)).ordinals == [2, 0, 1, 3])
    #expect(Self.candidates(ablations, choice: .drop(0)).ordinals.isEmpty)
    #expect(Self.candidates(ablations, choice: .drop(-1)).ordinals.isEmpty)
  }

  @Test func `so many blocks by an examination that does not count come with a doubt`() {
    let few = Self.candidates(
      examination(Self.curve, orders: [Self.greedy], samples: 50), choice: .drop(2))
    #expect(few.ordinals == [2, 0] && few.basis == .measured)
    #expect(few.doubt == .examination(.fewSamples) && !few.isConfirmed)
    #expect(few.loss?.jointly?.value == 0.006)
    let unexamined = Self.candidates(nil, choice: .drop(1))
    #expect(unexamined.basis == .verdicts && unexamined.ordinals == [3])
  }

  @Test func `costs are sums over branches and their share of all blocks`() {
    var blocks = (0..<4).map { residual($0) }
    for (index, macs) in [100, 200, 300, 400].enumerated() {
      blocks[index].macs = macs
      blocks[index].parameters = index == 3 ? nil : 10
    }
    let ablations = examination(Self.curve, orders: [Self.greedy])
    let set = Self.candidates(ablations, blocks: blocks)
    #expect(set.macs.dropped == 400 && set.macs.ofAllBlocks == 1000)
    #expect(set.macs.share == 0.4)
    #expect(set.parameters.dropped == 20 && set.parameters.ofAllBlocks == nil)
    #expect(set.parameters.share == nil, "what block 3 has is not known")
    blocks[2].macs = nil
    #expect(Self.candidates(ablations, blocks: blocks).macs.dropped == nil)
    blocks[2].macs = .max
    #expect(Self.candidates(ablations, blocks: blocks).macs.dropped == nil, "no integer holds it")
    for index in blocks.indices { blocks[index].macs = 0 }
    #expect(Self.candidates(ablations, blocks: blocks).macs.share == nil)
  }

  @Test func `an order of blocks that the run does not have bears nothing`() {
    let hostile = examination(
      [removed([7], 0), removed([2], 0.001)],
      orders: [RemovalOrder(strategy: .greedy, ordinals: [7, 2])])
    let set = Self.candidates(hostile)
    #expect(set.basis == .verdicts && set.doubt == .noGreedyOrder && set.ordinals == [3, 1])
  }

  @Test func `an order whose first block was not measured bears nothing`() {
    let set = Self.candidates(examination([removed([0, 2], 0)], orders: [Self.greedy]))
    #expect(set.basis == .verdicts && set.doubt == .noGreedyOrder)
  }

  @Test func `an order without singles has a joint loss and no sum`() {
    let set = Self.candidates(
      examination([removed([2], nil), removed([0, 2], 0.006)], orders: [Self.greedy]),
      choice: .drop(2))
    #expect(set.loss?.sumOfSingles == nil && set.loss?.jointly?.value == 0.006)
    #expect(set.rule?.dropped == 0 && set.rule?.end == .notFinite && !set.isConfirmed)
  }
}
