import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct SkillTests {
  /// Blocks whose Taylor importance, gap and weights are given.
  private static func run(
    taylor: [Double], gap: [Double]? = nil, weight: [Double]? = nil, ablations: Ablations?
  ) -> History {
    let blocks = taylor.indices.map { ordinal in
      measured(residual(ordinal)) { _, statistics in
        statistics.taylorImportance = Moments(n: 64, mean: taylor[ordinal], m2: 0)!
        if let gap { statistics.identityGap.p50 = gap[ordinal] }
        statistics.weightNorm = weight?[ordinal]
      }
    }
    var history = history(blocks)
    history.ablations = ablations
    return history
  }

  @Test func `Without ablations there is no skill to speak of`() {
    #expect(Skill(Self.run(taylor: [1, 2, 3, 4], ablations: nil)) == nil)
    var pair = examined([:], planned: 1)
    pair.all = [Ablation(ordinals: [0, 1], wallTime: 0, lossChanges: Moments())]
    #expect(Skill(Self.run(taylor: [1, 2, 3, 4], ablations: pair)) == nil)
  }

  @Test func `A predictor in the order of the ablations has a correlation of 1`() throws {
    let changes: [Int: Double?] = [0: 0.1, 1: 0.4, 2: 0.2, 3: 0.9, 4: 0.3]
    let skill = try #require(
      Skill(
        Self.run(
          taylor: [1, 8, 2, 9, 5], gap: [5, 3, 4, 1, 2], weight: [1, 1, 1, 1, 1],
          ablations: examined(changes))))
    #expect(skill.row(.taylorImportance)?.correlation?.value == 1)
    #expect(skill.row(.taylorImportance)?.givenPosition == 1)
    #expect(
      skill.row(.identityGap)?.correlation?.value
        == RankCorrelation([5, 3, 4, 1, 2], [1, 4, 2, 5, 3])?.value)
    #expect(skill.row(.weightNorm)?.correlation == nil, "the same for all orders nothing")
    #expect(skill.row(.gateRMS)?.correlation == nil, "never measured")
    #expect(skill.reliability == 1 && skill.noiseCeiling == 1)
    #expect((skill.blocks, skill.ablated, skill.nonFinite) == (5, 5, 0))
    #expect(skill.predictors.map(\.predictor) == Predictor.allCases)
  }

  @Test func `Position is positive where earlier blocks cost more, and has no partial of its own`()
  {
    let skill = Skill(
      Self.run(
        taylor: [1, 1, 2, 1], ablations: examined([0: 0.9, 1: 0.5, 2: 0.3, 3: 0.1])))
    #expect(skill?.row(.position)?.correlation?.value == 1)
    #expect(skill?.row(.position)?.givenPosition == nil)
    #expect(skill?.row(.taylorImportance)?.givenPosition == nil, "position explains all there is")
  }

  @Test func `What only follows the position is nothing once the position is given`() throws {
    var random = SplitMix64(seed: 11)
    var partials: [Double] = []
    for _ in 0..<40 {
      let n = 30
      let noise = (0..<n).map { _ in random.normal() }
      let taylor = (0..<n).map { 100 - Double($0) + 3 * random.normal() }
      let changes = Dictionary(
        uniqueKeysWithValues: (0..<n).map { ($0, Optional(-0.1 * Double($0) + noise[$0])) })
      let skill = try #require(Skill(Self.run(taylor: taylor, ablations: examined(changes))))
      #expect(try #require(skill.row(.taylorImportance)?.correlation).value > 0.2)
      partials.append(try #require(skill.row(.taylorImportance)?.givenPosition))
    }
    #expect(abs(partials.reduce(0, +) / 40) < 0.1)
  }

  @Test func `Blocks whose loss is no longer finite and blocks never ablated do not take part`() {
    let skill = Skill(
      Self.run(
        taylor: [1, 2, 3, 4, 5, 6],
        ablations: examined([0: 0.1, 1: 0.2, 2: nil, 3: 0.4, 4: 0.5], planned: 6)))
    #expect(skill?.ablated == 4)
    #expect(skill?.nonFinite == 1)
    #expect(skill?.blocks == 6)
    #expect(skill?.isComplete == false)
    #expect(skill?.row(.taylorImportance)?.correlation?.pairs == 4)
  }

  @Test func `The ceiling is the root of the reliability, and halves that disagree leave none`() {
    let changes: [Int: Double?] = [0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4]
    let halves = [0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4]
    let opposite = [0: 0.4, 1: 0.3, 2: 0.2, 3: 0.1]
    let taylor: [Double] = [1, 2, 3, 4]
    func ceiling(odd: [Int: Double]) -> Double? {
      Skill(Self.run(taylor: taylor, ablations: examined(changes, even: halves, odd: odd)))?
        .noiseCeiling
    }
    #expect(ceiling(odd: opposite) == nil)
    #expect(ceiling(odd: halves) == 1)
    // One pair swapped: r = 0.8, corrected 1.6/1.8.
    #expect(
      abs(
        (ceiling(odd: [0: 0.2, 1: 0.1, 2: 0.3, 3: 0.4]) ?? 0) - (1.6 / 1.8).squareRoot()) < 1e-12)
  }

  @Test func `A predictor of the true order reaches the ceiling, and not the reliability`() throws {
    var random = SplitMix64(seed: 3)
    var (reached, ceilings, reliabilities) = (0.0, 0.0, 0.0)
    let (runs, n) = (200, 40)
    for _ in 0..<runs {
      let truth = (0..<n).map { _ in random.normal() }
      let even = truth.map { $0 + 1.4 * random.normal() }
      let odd = truth.map { $0 + 1.4 * random.normal() }
      func keyed(_ values: [Double]) -> [Int: Double] {
        Dictionary(uniqueKeysWithValues: values.enumerated().map { ($0.offset, $0.element) })
      }
      let changes = keyed(zip(even, odd).map { ($0 + $1) / 2 }).mapValues(Optional.some)
      let skill = try #require(
        Skill(
          Self.run(
            taylor: truth, ablations: examined(changes, even: keyed(even), odd: keyed(odd)))))
      reached += try #require(skill.row(.taylorImportance)?.correlation).value / Double(runs)
      ceilings += (skill.noiseCeiling ?? 0) / Double(runs)
      reliabilities += (skill.reliability ?? 0) / Double(runs)
    }
    #expect(abs(reached - ceilings) < 0.04)
    #expect(reached > reliabilities + 0.1)
  }

  @Test func `An examination from before the verdicts' window is an older one`() {
    func isOlder(step: Int) -> Bool? {
      let history = Self.run(
        taylor: [1, 2, 3, 4], ablations: examined([0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4], step: step))
      let window = VerdictWindow(steps: history.steps, settings: VerdictSettings())
      return Skill(history, window: window)?.isOlder
    }
    #expect(isOlder(step: 199) == true)
    #expect(isOlder(step: 200) == false)
    #expect(isOlder(step: 391) == false)
  }

  @Test func `Only the recent records count`() {
    var history = Self.run(
      taylor: [1, 2, 3, 4], ablations: examined([0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4]))
    for place in history.blocks.indices {
      for index in history.blocks[place].window.indices {
        history.blocks[place].window[index].statistics.taylorImportance =
          Moments(n: 64, mean: Double(9 - place), m2: 0)!
      }
    }
    #expect(Skill(history)?.row(.taylorImportance)?.correlation?.value == 1)
  }

  @Test func `Increasing transforms of predictor and loss change nothing`() throws {
    var random = SplitMix64(seed: 5)
    for n in [4, 9, 27] {
      let taylor = (0..<n).map { _ in Double.random(in: 0.1...2, using: &random) }
      let losses = taylor.map { $0 + 0.3 * random.normal() }
      func skill(_ scale: (Double) -> Double) throws -> Skill.Row? {
        let changes = Dictionary(
          uniqueKeysWithValues: losses.enumerated().map { ($0.offset, Optional($0.element * 2)) })
        return try #require(
          Skill(Self.run(taylor: taylor.map(scale), ablations: examined(changes)))
        )
        .row(.taylorImportance)
      }
      #expect(try skill { $0 } == skill { $0 * $0 * 1000 })
    }
  }
}
