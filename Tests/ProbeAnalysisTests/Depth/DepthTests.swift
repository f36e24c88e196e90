import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct DepthTests {
  private static func depth(_ history: History) -> Depth {
    let settings = VerdictSettings()
    return Depth(
      history, window: VerdictWindow(steps: history.steps, settings: settings),
      verdicts: Verdicts.judge(history, settings: settings), settings: settings)
  }

  @Test func `a run without blocks or records has no depth to speak of`() {
    let empty = Self.depth(history([]))
    #expect(empty.effective.isEmpty && empty.pathLength == nil && empty.examination == nil)
    #expect(empty.spans.isEmpty && empty.tortuosity.isEmpty && empty.reuse.isEmpty)
    #expect(empty.similarity == nil && empty.curves == nil && empty.candidates.basis == .none)
    let silent = Self.depth(history([BlockHistory(block: residual(0))]))
    #expect(silent.effective.isEmpty && silent.candidates.ordinals.isEmpty)
  }

  @Test func `Taylor importance speaks first while the network was not examined`() {
    let depth = Self.depth(run((0..<3).map { residual($0) }, taylor: [1, 1, 1], nil))
    #expect(depth.effective.map(\.score) == [.taylorImportance, .identityGapSquared])
    #expect(depth.effective[0].participation.map { agree($0, 3, within: 1e-12) } == true)
  }

  @Test func `the ablation speaks first where it counts and gives every block a number`() {
    let blocks = (0..<3).map { residual($0) }
    func scores(_ ablations: Ablations) -> [DepthScore] {
      Self.depth(run(blocks, taylor: [1, 1, 1], ablations)).effective.map(\.score)
    }
    let all = [removed([0], 1), removed([1], 1), removed([2], 1)]
    #expect(scores(examination(all)).first == .ablation)
    #expect(scores(examination(all, samples: 99)).first == .taylorImportance)
    #expect(scores(examination(all, samples: 99)).last == .ablation)
    #expect(scores(examination(all, step: 0)).first == .taylorImportance)
    #expect(scores(examination(Array(all.dropLast()))).first == .taylorImportance)
    #expect(
      scores(examination(Array(all.dropLast()) + [removed([2], nil)])).first == .taylorImportance,
      "the block that the loss breaks without would be hidden")
  }

  @Test func `permuting the blocks of a history changes no depth`() {
    let blocks = (0..<4).map { residual($0) }
    let order = RemovalOrder(strategy: .greedy, ordinals: [3, 1, 0, 2])
    let ablations = examination(
      [removed([3], 0.001), removed([1, 3], 0.002), removed([0], 0.3), removed([1], 0.001)],
      orders: [order])
    let plain = Self.depth(run(blocks, taylor: [4, 1, 3, 1], ablations))
    var shuffled = run(blocks, taylor: [4, 1, 3, 1], ablations)
    shuffled.blocks.reverse()
    let other = Self.depth(shuffled)
    #expect(plain.candidates == other.candidates && plain.candidates.ordinals == [3, 1])
    #expect(plain.curves == other.curves)
    for (one, two) in zip(plain.effective, other.effective) {
      #expect(agree(one.entropy ?? 0, two.entropy ?? 0, within: 1e-12))
    }
  }
}
