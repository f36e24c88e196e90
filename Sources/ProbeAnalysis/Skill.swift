public import ProbeCore

/// How well training statistics order the blocks by what ablating them costs (Skill.md).
///
/// Every predictor stands beside the position alone, which orders many networks well already, and
/// beside the noise ceiling, what a perfect predictor could reach. It is a statement about one network, one
/// probe set and one loss; permuting the blocks changes nothing but the position.
///
/// Source: the predictors are those of Molchanov et al. 2019 (Taylor), Jastrzębski et al. 2018 (ratio)
/// and Men et al. 2024 (influence).
public struct Skill: Sendable, Hashable {
  /// One predictor held against the ablations.
  public struct Row: Sendable, Hashable {
    /// The predictor.
    public let predictor: Predictor
    /// Its rank correlation with the change of the loss, over the blocks that have both.
    ///
    /// Nil below four such blocks, or where one side is the same for all of them.
    public let correlation: RankCorrelation?
    /// The same with the position taken out of both; nil for the position itself, and where the
    /// position orders one of the two completely.
    public let givenPosition: Double?
  }

  /// The optimizer steps done before the examination.
  public let step: Int
  /// Whether the examination came before the verdicts' window: it is of another network than the
  /// predictors then.
  public let isOlder: Bool
  /// The samples of the probe set.
  public let samples: Int
  /// The blocks of the run.
  public let blocks: Int
  /// The single blocks that were ablated with a finite loss: what is compared.
  public let ablated: Int
  /// The single blocks without which a sample's loss was not finite.
  public let nonFinite: Int
  /// Whether all ablations that were planned are there.
  public let isComplete: Bool
  /// The reliability of the order by change of loss: the rank correlation of the probe set's two
  /// halves, corrected for their length.
  ///
  /// Nil where the halves do not agree at all, or below four blocks.
  public let reliability: Double?
  /// The correlation that a predictor of the true order is expected to have with the measured one, the
  /// square root of the reliability.
  ///
  /// Source: Spearman 1904 (attenuation).
  public var noiseCeiling: Double? { reliability?.squareRoot() }
  /// The predictors in the order of ``Predictor``.
  public let predictors: [Row]

  /// Holds the predictors of a run against its ablations; nil where no single block was ablated.
  ///
  /// Without a window the examination counts as one of the network reported on. Complexity: O(records
  /// in `recent` + blocks log blocks).
  public init?(_ history: History, window: VerdictWindow? = nil) {
    guard let ablations = history.ablations else { return nil }
    let all = ablations.singles
    guard !all.isEmpty else { return nil }
    let pairs: [(block: BlockHistory, ablation: Ablation, change: Double)] =
      history.blocks.compactMap { block in
        guard let ablation = all[block.block.ordinal], let change = ablation.loss?.value,
          change.isFinite
        else { return nil }
        return (block, ablation, change)
      }
    step = ablations.examination.step
    isOlder = window.map { !$0.covers(ablations.examination) } ?? false
    samples = ablations.examination.samples
    blocks = history.blocks.count
    ablated = pairs.count
    nonFinite = all.values.count { $0.loss == nil }
    isComplete = ablations.isComplete
    let halves = pairs.compactMap(\.ablation.halves)
    reliability = RankCorrelation(halves.map(\.even), halves.map(\.odd))
      .flatMap { RankCorrelation.spearmanBrown(halves: $0.value) }
    predictors = Predictor.allCases.map { predictor in
      let known = pairs.compactMap { pair in
        predictor.value(of: pair.block).map {
          (value: $0, change: pair.change, position: Predictor.position.value(of: pair.block)!)
        }
      }
      return Row(
        predictor, values: known.map(\.value), changes: known.map(\.change),
        positions: known.map(\.position))
    }
  }

  /// What was found of one predictor.
  public func row(_ predictor: Predictor) -> Row? {
    predictors.first { $0.predictor == predictor }
  }
}

extension Skill.Row {
  fileprivate init(
    _ predictor: Predictor, values: [Double], changes: [Double], positions: [Double]
  ) {
    self.predictor = predictor
    correlation = RankCorrelation(values, changes)
    guard predictor != .position, let correlation,
      let value = RankCorrelation(values, positions),
      let change = RankCorrelation(changes, positions)
    else {
      givenPosition = nil
      return
    }
    givenPosition = RankCorrelation.partial(
      xy: correlation.value, xz: value.value, yz: change.value)
  }
}
