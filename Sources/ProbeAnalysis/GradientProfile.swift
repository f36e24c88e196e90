public import ProbeCore
import RealModule

/// How large gradients are over the depth of a network: at the start, after warm-up and now (Health.md).
///
/// A block's level is the mean over samples of ‖n·g‖, the norm of the gradient of the sample's own loss
/// after the block. The norm of the whole stream is taken and not its root mean square: a stage that
/// halves the picture and hands the gradient on unchanged in length keeps the norm. Blocks whose sample
/// is another kind (a row, a token) than that of most are left out, since n·g is of another loss there.
///
/// Scaling the loss scales the levels and changes neither ratio nor slope.
///
/// Source: Glorot and Bengio 2010; He et al. 2015; with batch normalisation Yang et al. 2019.
public struct GradientProfile: Sendable, Hashable {
  /// The profile at one moment.
  public struct Moment: Sendable, Hashable {
    /// The step, or the last of several.
    public let step: Int
    /// The most records that a block's level is the median of.
    public let records: Int
    /// The level of each block in network order; nil where it was not measured.
    public let levels: [Double?]
    /// The first block's level over the last block's; nil below two blocks, or where the last is 0.
    public let ratio: Double?
    /// The slope of ln level over the ordinal by least squares, with a constant of its own for each
    /// stage; below 0 where gradients grow towards the input.
    ///
    /// Nil where no stage has two blocks with a level above 0. Unit: 1 per block.
    public let slope: Double?

    /// The blocks from the first to the last with a level above 0, by ordinal.
    fileprivate let span: Double
  }

  /// The run's first record, where it is of step 0: before any update.
  public let start: Moment?
  /// The first record after warm-up.
  public let afterWarmUp: Moment?
  /// The median over the recent records, else the latest one.
  public let now: Moment?

  /// The ratio of first to last block above which gradients explode; they vanish below its inverse.
  ///
  /// Residual, transformer and shallow plain networks lay between 0.5 and 25 at all times; plain
  /// networks too deep to train lay at 2,500 and 56,000.
  public static let limit = 1e3

  /// Looks at a history.
  ///
  /// Complexity: O(recent records log recent records).
  public init(_ history: History) {
    let axes = Dictionary(grouping: history.blocks, by: \.block.sampleAxis).mapValues(\.count)
    let axis: Block.SampleAxis = axes[.token, default: 0] > axes[.row, default: 0] ? .token : .row
    func moment(_ records: (BlockHistory) -> [BlockRecord]) -> Moment? {
      Moment(
        history.blocks.map { ($0.block, $0.block.sampleAxis == axis ? records($0) : []) })
    }
    func single(_ record: KeyPath<BlockHistory, BlockRecord?>) -> Moment? {
      moment { [$0[keyPath: record]].compactMap(\.self) }
    }
    let first = single(\.first)
    start = first?.step == 0 ? first : nil
    afterWarmUp = single(\.reference)
    now = moment { $0.recent.isEmpty ? [$0.latest].compactMap(\.self) : $0.recent }
  }

  /// What is wrong with the gradients.
  public enum Trouble: Sendable, Hashable {
    /// At step 0 they are over ``limit`` times as large at the first block as at the last.
    case explodingAtInitialisation
    /// They are so now, and were not at step 0.
    case exploding
    /// Now they are over ``limit`` times as small at the first block as at the last.
    case vanishing
  }

  /// The fewest records that say what is so now.
  public static let leastRecords = 5

  /// The trouble, the one at the start first; none in a sound network.
  ///
  /// It has to be depth that does it: the slope over the blocks has to make up at least half of the
  /// ratio, in logarithms. In a transformer whose last blocks read one token only (CaiT) the ratio is
  /// 1e-6 with no slope at all. No gradient whatever at the first block needs no slope. What is so now
  /// needs ``leastRecords`` records.
  public var troubles: [Trouble] {
    var troubles: [Trouble] = []
    if start?.explodes == true { troubles.append(.explodingAtInitialisation) }
    guard let now, now.records >= Self.leastRecords else { return troubles }
    if now.explodes, start?.explodes != true { troubles.append(.exploding) }
    if now.vanishes { troubles.append(.vanishing) }
    return troubles
  }
}

extension GradientProfile.Moment {
  /// A moment from each block's records; nil where no block has a level.
  fileprivate init?(_ blocks: [(block: Block, records: [BlockRecord])]) {
    let steps = blocks.compactMap(\.records.last?.step)
    let levels = blocks.map { Self.level($0.records) }
    guard let step = steps.max(), levels.contains(where: { $0 != nil }) else { return nil }
    self.step = step
    self.levels = levels
    records = blocks.map(\.records.count).max() ?? 0
    let known = levels.compactMap(\.self)
    ratio =
      known.count >= 2 && known[known.count - 1] > 0 ? known[0] / known[known.count - 1] : nil
    let points: [(stage: Int, x: Double, y: Double)] = zip(blocks, levels).compactMap {
      block, level in
      level.flatMap { $0 > 0 ? (block.block.stage, Double(block.block.ordinal), .log($0)) : nil }
    }
    slope = Self.slope(points)
    span = (points.last?.x ?? 0) - (points.first?.x ?? 0)
  }

  fileprivate var explodes: Bool {
    guard let ratio, ratio > GradientProfile.limit else { return false }
    return isOfDepth(.log(ratio))
  }

  fileprivate var vanishes: Bool {
    guard let ratio, ratio < 1 / GradientProfile.limit else { return false }
    return ratio == 0 || isOfDepth(.log(ratio))
  }

  /// Whether the slope makes up at least half of the logarithm of first over last.
  private func isOfDepth(_ logarithm: Double) -> Bool {
    guard let slope, logarithm.isFinite else { return false }
    return -slope * span / logarithm >= 0.5
  }

  /// The median over the records that have a level.
  private static func level(_ records: [BlockRecord]) -> Double? {
    let sorted = records.map(\.statistics.outputGradNorm).filter { $0.n > 0 && $0.mean >= 0 }
      .map(\.mean).sorted()
    guard !sorted.isEmpty else { return nil }
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2)
      ? sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2 : sorted[middle]
  }

  private static func slope(_ points: [(stage: Int, x: Double, y: Double)]) -> Double? {
    var (products, squares) = (0.0, 0.0)
    for stage in Dictionary(grouping: points, by: \.stage).sorted(by: { $0.key < $1.key }) {
      let n = Double(stage.value.count)
      let x = stage.value.reduce(0) { $0 + $1.x } / n
      let y = stage.value.reduce(0) { $0 + $1.y } / n
      for point in stage.value {
        products += (point.x - x) * (point.y - y)
        squares += (point.x - x) * (point.x - x)
      }
    }
    return squares > 0 ? products / squares : nil
  }
}
