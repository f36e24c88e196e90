public import ProbeCore

/// The blocks that could be left out together, and what that costs (Depth.md).
///
/// Candidates: what is said holds for the probe set that was examined, and for the network as it was then.
public struct CandidateSet: Sendable, Hashable {
  /// What is asked for.
  public enum Choice: Sendable, Hashable {
    /// As many blocks as cost no more than the tolerance.
    case withinTolerance
    /// The first so many of the greedy order, whatever they cost.
    case drop(Int)
  }

  /// What the choice rests on.
  public enum Basis: String, Sendable, CaseIterable {
    /// Sets that were really removed, along the greedy order.
    case measured
    /// The verdicts that call a block an identity: each by itself, none confirmed.
    case verdicts
    /// Nothing: no set was measured that counts and no verdict calls a block an identity.
    case none
  }

  /// Why what an examination measured does not bear the choice.
  public enum Doubt: Sendable, Hashable {
    /// The network was never examined.
    case neverExamined
    /// Its measurements do not enter verdicts.
    case examination(ExaminationUse)
    /// No greedy order was measured from its first block on.
    case noGreedyOrder
  }

  /// What the blocks cost by themselves and together.
  public struct Loss: Sendable, Hashable {
    /// The sum of what removing each alone changes; nil where one of them has no finite number.
    public let sumOfSingles: Double?
    /// The change measured with all of them removed; nil where it was not, or a loss was not finite.
    public let jointly: Ablation.Change?
    /// The upper bound from the samples that the choice did not look at; nil without a greedy choice.
    public let heldOutUpper: Double?
  }

  /// What was asked for.
  public let choice: Choice
  /// What the choice rests on.
  public let basis: Basis
  /// Why it is not confirmed by an examination that counts; nil where one bears it.
  public let doubt: Doubt?
  /// The blocks in the order of removal, the least costly first.
  public let ordinals: [Int]
  /// Whether removing just these together was shown to stay within the tolerance.
  ///
  /// Never of an empty set.
  public let isConfirmed: Bool
  /// What one block may cost, or all together; nil where the network was never examined.
  ///
  /// Unit: the loss's.
  public let tolerance: Double?
  /// How far the greedy order stays within the tolerance; nil without a greedy order.
  public let rule: CandidateRule?
  /// The set removed together; nil where it was not measured, or on another network.
  public let joint: Ablation?
  /// What the set costs; nil where the examination is of another network, or there is none.
  public let loss: Loss?
  /// The change of the share of wrong predictions without the set; nil where it is not known.
  public var errorChange: Ablation.Change? { joint?.error }
  /// The trained parameters of the branches that would go.
  public let parameters: BlockCosts
  /// The multiply–accumulates of the branches that would go, for one sample.
  public let macs: BlockCosts

  /// Chooses the blocks.
  ///
  /// With an examination that counts (``ExaminationUse``) and a greedy order they are what ``CandidateRule``
  /// gives, or the first so many of the order; with `drop` an examination that does not count gives them
  /// too, with a doubt. Otherwise they are the blocks with an identity verdict that no ablation
  /// contradicts, least Taylor importance first, equal ones and ones without by ordinal.
  ///
  /// - Parameters:
  ///   - history: The run.
  ///   - curves: What was measured along orders; nil where nothing was.
  ///   - use: Whether the run's examination counts; nil where there is none.
  ///   - verdicts: The verdicts on the blocks, in any order.
  ///   - settings: Where the tolerance comes from.
  ///   - choice: What is asked for.
  /// - Complexity: O(recent records + blocks² + ablations).
  public init(
    _ history: History, curves: RemovalCurves?, use: ExaminationUse?, verdicts: [BlockVerdict],
    settings: VerdictSettings, choice: Choice = .withinTolerance
  ) {
    let ablations = history.ablations
    let tolerance = ablations.map { settings.tolerance(of: $0.examination) }
    let greedy = curves?.greedy.flatMap { $0.points[0].dropped == 1 ? $0 : nil }
    let rule = greedy.flatMap { curve in tolerance.map { CandidateRule(curve, tolerance: $0) } }
    doubt =
      switch use {
      case nil: .neverExamined
      case .counts?: greedy == nil ? .noGreedyOrder : nil
      case let use?: .examination(use)
      }
    let chosen: [Int]?
    switch (choice, greedy, rule) {
    case (.withinTolerance, let curve?, let rule?) where doubt == nil:
      chosen = Array(curve.order.ordinals.prefix(rule.dropped))
    case (.drop(let count), let curve?, _):
      chosen = Array(curve.order.ordinals.prefix(max(0, count)))
    default: chosen = nil
    }
    if let chosen {
      ordinals = chosen
      basis = .measured
    } else {
      let identities = Self.identities(history.blocks, verdicts)
      basis = identities.isEmpty ? .none : .verdicts
      if case .drop(let count) = choice {
        ordinals = Array(identities.prefix(max(0, count)))
      } else {
        ordinals = identities
      }
    }
    self.choice = choice
    self.tolerance = tolerance
    self.rule = rule
    let isOfThisNetwork = use == .counts || use == .fewSamples
    let measured = isOfThisNetwork || basis == .measured ? ablations : nil
    let removed = RemovedSets(measured?.all ?? [])
    joint = removed[ordinals.sorted()]
    loss =
      measured == nil
      ? nil : Loss(ordinals, removed: removed, joint: joint, isGreedy: chosen != nil)
    let isShown =
      chosen == nil
      ? joint?.isWithin(tolerance) == true : ordinals.count <= rule?.dropped ?? 0
    isConfirmed = use == .counts && !ordinals.isEmpty && isShown
    let blocks = history.blocks.map(\.block)
    let dropped = Set(ordinals)
    let gone = blocks.filter { dropped.contains($0.ordinal) }
    parameters = BlockCosts(\.parameters, of: gone, among: blocks)
    macs = BlockCosts(
      macsOf: history.blocks.filter { dropped.contains($0.block.ordinal) }, among: history.blocks)
  }

  /// The blocks that verdicts call an identity and no ablation contradicts, in the order of removal.
  private static func identities(_ blocks: [BlockHistory], _ verdicts: [BlockVerdict]) -> [Int] {
    let identities = Set(
      verdicts.filter { $0.verdict.isIdentity && $0.confirmation != .contradicted }.map(\.ordinal))
    return blocks.filter { identities.contains($0.block.ordinal) }.map { block in
      (
        score: DepthScore.taylorImportance.value(of: block, ablation: nil) ?? .infinity,
        ordinal: block.block.ordinal
      )
    }.sorted { $0 < $1 }.map(\.ordinal)
  }
}

extension CandidateSet.Loss {
  fileprivate init(
    _ ordinals: [Int], removed: RemovedSets, joint: Ablation?, isGreedy: Bool
  ) {
    let changes = ordinals.compactMap { removed[[$0]]?.loss?.value }
    sumOfSingles = changes.count == ordinals.count ? changes.reduce(0, +) : nil
    jointly = joint?.loss
    heldOutUpper = isGreedy ? joint?.heldOutUpper : nil
  }
}

extension Ablation {
  /// Whether the loss stays within the tolerance by its upper bound and the error does not surely rise.
  fileprivate func isWithin(_ tolerance: Double?) -> Bool {
    guard let tolerance, let loss else { return false }
    return loss.upper <= tolerance && (error?.lower ?? 0) <= BlockVerdict.greatestErrorRise
  }
}
