import ProbeAnalysis
import ProbeCore
import Testing

/// Verdicts that rest on more than the gap: what F is, and what removing the block did.
@Suite struct AblationVerdictTests {
  /// A block with a constant fraction and a turned part that waver a little from record to record.
  ///
  /// The angle is that of the turned part beside a stream that kept its length, unless given.
  private static func block(
    gap: Double = 0.4, constant: Double? = nil, turned: Double? = nil, angle: Double? = nil,
    records: Int = 100
  ) -> BlockHistory {
    var block = blockHistory(gaps: wavering(gap, count: records))
    for index in block.window.indices {
      let waver = Double(index % 5 - 2) * 0.002
      if let constant {
        block.window[index].statistics.constantFraction = Fraction(n: 64, value: constant + waver)
      }
      if let turned {
        block.window[index].statistics.perpendicularRatio = Moments(
          n: 64, mean: turned + waver, m2: 0)!
        block.window[index].statistics.angularDistance = Moments(
          n: 64, mean: ((angle ?? turned) + waver) / .pi, m2: 0)!
      }
    }
    return block
  }

  private static func ablations(
    _ lower: Double, _ value: Double, _ upper: Double, baseLoss: Double = 0.1
  ) -> Ablations {
    var ablation = Ablation(
      ordinals: [0], wallTime: 0, lossChanges: Moments(n: 100, mean: value, m2: 1)!)
    ablation.loss = Ablation.Change(value: value, lower: lower, upper: upper)
    return Ablations(
      Examination(
        identity: Identity(bytes: [UInt8](repeating: 1, count: 16))!, step: 1000, samples: 100,
        planned: 1, baseLoss: baseLoss, baseError: 0.05), [ablation])
  }

  private static func judge(
    _ block: BlockHistory, _ ablations: Ablations? = nil,
    settings: VerdictSettings = VerdictSettings()
  ) -> BlockVerdict {
    var run = history([block])
    run.ablations = ablations
    return Verdicts.judge(run, settings: settings)[0]
  }

  @Test func `a branch that adds the same to every sample is constant, with its lower bound`()
    throws
  {
    let verdict = Self.judge(Self.block(constant: 0.995, turned: 0.3))
    #expect(verdict.verdict == .constant)
    let evidence = try #require(verdict.constantFraction)
    let lower = try #require(evidence.bound)
    #expect(0.95 < lower && lower < evidence.value && agree(evidence.value, 0.995, within: 1e-9))
  }

  @Test func `a constant fraction at the limit is not called constant`() {
    // The mean lies above, its lower bound below.
    let verdict = Self.judge(Self.block(constant: 0.9505, turned: 0.3))
    #expect(verdict.verdict == .active)
    #expect(verdict.constantFraction?.bound.map { $0 < 0.95 } == true)
    let below = Self.judge(Self.block(constant: 0.5, turned: 0.3))
    #expect(below.verdict == .active)
    #expect(below.constantFraction.map { $0.bound == nil } == true)
  }

  @Test func `a change that does not turn the stream only rescales it`() throws {
    let verdict = Self.judge(Self.block(constant: 0.1, turned: 0.02))
    #expect(verdict.verdict == .rescaleOnly)
    let upper = try #require(verdict.perpendicularRatio?.bound)
    #expect(0.02 < upper && upper < 0.05)
  }

  @Test func `a large constant part does not hide a varying one that matters`() {
    // 0.4 · √(1 − 0.98) = 0.057.
    #expect(Self.judge(Self.block(constant: 0.98, turned: 0.3)).verdict == .active)
    #expect(Self.judge(Self.block(gap: 0.2, constant: 0.98, turned: 0.3)).verdict == .constant)
  }

  @Test func `a small output at a right angle is no rescaling`() {
    let verdict = Self.judge(Self.block(gap: 0.98, turned: 0.01, angle: .pi / 2))
    #expect(verdict.verdict == .active)
  }

  @Test func `a plain block whose change is constant is not called so`() {
    var block = Self.block(constant: 0.995, turned: 0.3)
    block.block.kind = .plain
    block.block.shortcut = .none
    #expect(Self.judge(block).verdict == .active)
  }

  @Test func `constant comes before rescale_only, and an identity before both`() {
    #expect(Self.judge(Self.block(constant: 0.99, turned: 0.01)).verdict == .constant)
    let identity = Self.judge(Self.block(gap: 0.02, constant: 0.99, turned: 0.01))
    #expect(identity.verdict == .nearIdentity)
    #expect(identity.constantFraction == nil)
  }

  @Test func `too few records with a statistic decide nothing by it`() {
    var block = Self.block(constant: 0.99)
    for index in block.window.indices.dropLast(19) {
      block.window[index].statistics.constantFraction = nil
    }
    let verdict = Self.judge(block)
    #expect(verdict.verdict == .active && verdict.constantFraction == nil)
  }

  @Test func `an active block whose removal costs less than the tolerance has low influence`() {
    let verdict = Self.judge(Self.block(turned: 0.3), Self.ablations(-0.001, 0.002, 0.009))
    #expect(verdict.verdict == .lowInfluence)
    #expect(verdict.lossChange?.upper == 0.009 && verdict.confirmation == nil)
    // The bound decides, not the mean.
    #expect(
      Self.judge(Self.block(turned: 0.3), Self.ablations(-0.001, 0.002, 0.011)).verdict == .active)
  }

  @Test func `a loss that is no count of errors has no floor under its tolerance`() {
    var ablations = Self.ablations(0.004, 0.005, 0.006, baseLoss: 0.0003)
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .lowInfluence)
    ablations.examination.baseError = nil
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .active)
    #expect(Self.judge(Self.block(gap: 0.02), ablations).confirmation == .contradicted)
  }

  @Test func `an error that surely rises keeps a block from low influence`() {
    var ablations = Self.ablations(-0.001, 0.002, 0.009)
    ablations.all[0].error = Ablation.Change(value: 0.3, lower: 0.25, upper: 0.35)
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .active)
    #expect(Self.judge(Self.block(gap: 0.02), ablations).confirmation == .contradicted)
    ablations.all[0].error = Ablation.Change(value: 0.005, lower: 0, upper: 0.02)
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .lowInfluence)
  }

  @Test func `a network that does worse in eval mode than untrained is no evidence`() {
    var run = history([Self.block(turned: 0.3)])
    run.ablations = Self.ablations(-8, -7, -6, baseLoss: 9.9)
    #expect(Verdicts.judge(run, settings: VerdictSettings())[0].verdict == .lowInfluence)
    run.steps[0].loss = 2.3
    for index in run.steps.indices.dropFirst() { run.steps[index].loss = 2 }
    #expect(Verdicts.judge(run, settings: VerdictSettings())[0].verdict == .lowInfluence)
    for index in run.steps.indices.dropFirst() { run.steps[index].loss = 0.2 }
    #expect(Verdicts.judge(run, settings: VerdictSettings())[0].verdict == .active)
    run.steps[0].loss = 12
    #expect(Verdicts.judge(run, settings: VerdictSettings())[0].verdict == .lowInfluence)
  }

  @Test func `a probe set of fewer than a hundred samples enters no verdict`() {
    var ablations = Self.ablations(-0.001, 0.002, 0.009)
    ablations.examination.samples = 99
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .active)
  }

  @Test func `a change of exactly the tolerance is within it`() {
    var settings = VerdictSettings()
    settings.tolerance = 0
    let verdict = Self.judge(Self.block(gap: 0.02), Self.ablations(0, 0, 0), settings: settings)
    #expect(verdict.confirmation == .confirmed)
  }

  @Test func `the tolerance is 2 % of the base loss, at least a hundredth, or as set`() {
    let low = Self.ablations(0, 0.01, 0.03, baseLoss: 2)
    #expect(Self.judge(Self.block(turned: 0.3), low).verdict == .lowInfluence)
    var settings = VerdictSettings()
    settings.tolerance = 0.02
    #expect(Self.judge(Self.block(turned: 0.3), low, settings: settings).verdict == .active)
  }

  @Test func `an ablation confirms, contradicts or leaves open what was predicted`() {
    func confirmation(_ lower: Double, _ value: Double, _ upper: Double) -> ProbeCore.Confirmation?
    {
      let verdict = Self.judge(Self.block(gap: 0.02), Self.ablations(lower, value, upper))
      #expect(verdict.verdict == .nearIdentity)
      return verdict.confirmation
    }
    #expect(confirmation(-0.002, 0, 0.005) == .confirmed)
    #expect(confirmation(0.02, 0.03, 0.04) == .contradicted)
    #expect(confirmation(0, 0.01, 0.02) == .open)
    #expect(Self.judge(Self.block(gap: 0.02)).confirmation == nil)
    // A bias can take its place, not nothing.
    let constant = Self.judge(Self.block(constant: 0.99), Self.ablations(0.02, 0.03, 0.04))
    #expect(constant.verdict == .constant && constant.confirmation == nil)
    #expect(constant.lossChange?.value == 0.03)
  }

  @Test func `an examination from before the window enters no verdict`() {
    var ablations = Self.ablations(-0.001, 0.002, 0.009)
    ablations.examination.step = 800
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .lowInfluence)
    ablations.examination.step = 799
    let verdict = Self.judge(Self.block(turned: 0.3), ablations)
    #expect(verdict.verdict == .active && verdict.lossChange == nil)
    #expect(Self.judge(Self.block(gap: 0.02), ablations).confirmation == nil)
  }

  @Test func `a loss that is no longer finite contradicts`() {
    var ablations = Self.ablations(0, 0, 0)
    ablations.all[0].loss = nil
    ablations.all[0].nonFinite = 1
    #expect(Self.judge(Self.block(gap: 0.02), ablations).confirmation == .contradicted)
    #expect(Self.judge(Self.block(turned: 0.3), ablations).verdict == .active)
  }
}
