/// The blocks of several networks beside each other, by where they stand.
///
/// Networks with as many blocks in each stage are set one to one. Others are set stage by stage, where
/// they have as many stages, else as a whole: each stage is cut into as many parts as the deepest
/// network has blocks in it, eight at most, and a block belongs to the part that its middle lies in. A
/// shallow network has parts without a block.
public struct DepthAlignment: Sendable, Hashable {
  /// How the networks were set beside each other.
  public enum Form: String, Sendable, CaseIterable {
    /// Block by block.
    case blocks
    /// By parts of each stage.
    case stages
    /// By parts of the whole depth.
    case depth
  }

  /// A part of the depth.
  public struct Row: Sendable, Hashable {
    /// The stage, counted from 0 in network order; nil where stages are not told apart.
    public var stage: Int?
    /// Where it begins and ends within the stage, or the whole: 0 … 1.
    public var span: ClosedRange<Double>
    /// One cell for each run, in the order of the runs.
    public var cells: [Cell]
  }

  /// What one run has there.
  public struct Cell: Sendable, Hashable {
    /// The ordinals of its blocks; none where no block's middle lies there.
    public var blocks: [Int] = []
    /// The median over them of the gap now.
    public var gap: Double?
    /// The median over them of the ratio now.
    public var ratio: Double?
  }

  /// How the networks were set beside each other.
  public let form: Form
  /// The parts in network order.
  public let rows: [Row]

  /// The most parts that a stage is cut into.
  public static let mostParts = 8

  /// Sets the blocks of runs beside each other; nil where fewer than two of them have any.
  public init?(_ runs: [ComparedRun]) {
    let stages = runs.map { Self.stages($0.blocks) }
    let present = stages.filter { !$0.isEmpty }
    guard present.count >= 2, let first = present.first else { return nil }
    if present.allSatisfy({ $0.map(\.count) == first.map(\.count) }) {
      form = .blocks
    } else if present.allSatisfy({ $0.count == first.count }), first.count > 1 {
      form = .stages
    } else {
      form = .depth
    }
    let groups =
      form == .depth ? stages.map { $0.isEmpty ? [] : [Array($0.joined())] } : stages
    let count = form == .depth ? 1 : first.count
    rows = (0..<count).flatMap { [form] stage in
      Self.rows(groups.map { $0.isEmpty ? [] : $0[stage] }, of: runs, isWhole: form == .blocks)
        .map { span, cells in
          Row(stage: form == .depth || count == 1 ? nil : stage, span: span, cells: cells)
        }
    }
  }

  /// The ordinals of the blocks of each stage.
  private static func stages(_ blocks: [ComparedRun.Block]) -> [[Int]] {
    var stages: [[Int]] = []
    for (ordinal, block) in blocks.enumerated() {
      if ordinal > 0, blocks[ordinal - 1].stage == block.stage {
        stages[stages.count - 1].append(ordinal)
      } else {
        stages.append([ordinal])
      }
    }
    return stages
  }

  /// The parts of one stage.
  private static func rows(
    _ stage: [[Int]], of runs: [ComparedRun], isWhole: Bool
  ) -> [(ClosedRange<Double>, [Cell])] {
    let most = stage.map(\.count).max() ?? 0
    let parts = isWhole ? most : min(most, mostParts)
    return (0..<parts).map { part in
      let cells = zip(stage, runs).map { ordinals, run in
        let own = ordinals.enumerated().filter { place, _ in
          // The middle of block i of n lies at (2i + 1)/2n.
          (2 * place + 1) * parts / (2 * ordinals.count) == part
        }.map(\.element)
        return Cell(
          blocks: own, gap: Median.of(own.map { run.blocks[$0].gap }),
          ratio: Median.of(own.map { run.blocks[$0].ratio }))
      }
      return (Double(part) / Double(parts)...Double(part + 1) / Double(parts), cells)
    }
  }
}
