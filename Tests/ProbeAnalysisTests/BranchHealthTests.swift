import ProbeAnalysis
import ProbeCore
import Testing

/// Dead and absorbed branches.
@Suite struct BranchHealthTests {
  private static func dead(
    _ shares: [Double], kind: Block.Kind = .residual
  ) -> [DeadBranch] {
    var block = residual(0)
    block.kind = kind
    let blocks = [
      measured(block, count: shares.count, reference: nil) { index, statistics in
        statistics.deadFraction = Fraction(n: 64, value: shares[index])
      }
    ]
    return DeadBranch.find(in: history(blocks))
  }

  private static func absorbed(_ shares: [Double?]) -> [AbsorbedBranch] {
    let blocks = [
      measured(residual(0), count: shares.count, reference: nil) { index, statistics in
        statistics.absorbedFraction = shares[index].map { Fraction(n: 1000, value: $0) }
      }
    ]
    return AbsorbedBranch.find(in: history(blocks))
  }

  @Test func `A branch that adds nothing to any sample is dead`() {
    let dead = Self.dead(Array(repeating: 1, count: 20))
    #expect(dead.map(\.ordinal) == [0])
    #expect(dead.map(\.share) == [1])
    #expect(Self.dead(Array(repeating: 0.98, count: 20)).isEmpty)
    #expect(Self.dead(Array(repeating: 0, count: 20)).isEmpty)
  }

  @Test func `A branch that begins at zero is not dead before it could move`() {
    #expect(Self.dead([1, 0, 0, 0, 0, 0]).isEmpty)
    #expect(Self.dead([1]).isEmpty)
    #expect(Self.dead([1, 1, 1, 1, 1]).isEmpty, "four records after the first step decide nothing")
    #expect(Self.dead([0, 1, 1, 1, 1, 1]).count == 1)
  }

  @Test func `A plain block has no branch to be dead`() {
    #expect(Self.dead(Array(repeating: 1, count: 20), kind: .plain).isEmpty)
  }

  @Test func `Steps with few samples weigh little`() {
    var block = measured(residual(0)) { _, statistics in
      statistics.deadFraction = Fraction(n: 1000, value: 1)
    }
    block.recent[3].statistics.deadFraction = Fraction(n: 1, value: 0)
    #expect(DeadBranch.find(in: history([block])).count == 1)
    block.recent[3].statistics.deadFraction = Fraction(n: 0, value: .nan)
    #expect(DeadBranch.find(in: history([block])).count == 1)
  }

  @Test func `A branch of which rounding loses more than half is absorbed`() {
    #expect(Self.absorbed([0.9, nil, 0.8]).map(\.ordinal) == [0])
    #expect(Self.absorbed([0.5, 0.5]).isEmpty)
    #expect(Self.absorbed([0.9, 0.05]).isEmpty)
    #expect(Self.absorbed([1, nil, nil]).isEmpty, "one count decides nothing")
    #expect(Self.absorbed([nil, nil]).isEmpty)
  }
}
