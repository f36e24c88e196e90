internal import ProbeAnalysis

/// CKA of two blocks, in JSON.
public struct SimilarityDocument: Encodable, Sendable {
  /// `first`: the earlier block.
  public let first: Int
  /// `last`: the later one.
  public let last: Int
  /// `cka`: of what they return.
  public let cka: OrNull<Double>
  /// `branch_cka`: of what their branches add.
  public let branchCKA: OrNull<Double>

  /// The pairs with a number, by the earlier block and then by the later one.
  static func all(_ similarity: BlockSimilarity) -> [SimilarityDocument] {
    let cka = numbers(similarity.cka)
    let branch = numbers(similarity.branchCKA)
    return Set(cka.keys).union(branch.keys)
      .sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
      .map { pair in
        SimilarityDocument(
          first: pair.lowerBound, last: pair.upperBound, cka: OrNull(finite: cka[pair]),
          branchCKA: OrNull(finite: branch[pair]))
      }
  }

  /// The numbers of a matrix by their blocks: two matrices need not be of the same ones.
  private static func numbers(_ matrix: BlockMatrix) -> [ClosedRange<Int>: Double] {
    var numbers: [ClosedRange<Int>: Double] = [:]
    for (row, values) in zip(matrix.ordinals, matrix.rows) {
      for case (let column, let value?) in zip(matrix.ordinals, values) where row <= column {
        numbers[row...column] = value
      }
    }
    return numbers
  }
}

/// What the dense blocks of a stage read, in JSON.
public struct ReuseDocument: Encodable, Sendable {
  /// What one block weighs of one source.
  public struct Reading: Encodable, Sendable {
    /// `reader`: the block that reads.
    public let reader: Int
    /// `source`: the block that made the maps; null for the stage's input.
    public let source: OrNull<Int>
    /// `maps`: how many they are.
    public let maps: Int
    /// `mean_weight`: the mean |w| over them.
    public let meanWeight: OrNull<Double>
    /// `relative`: that over the mean |w| of all maps that the reader reads.
    public let relative: OrNull<Double>
  }

  /// What all readers make of one source.
  public struct Source: Encodable, Sendable {
    /// `source`: the block that made the maps; null for the stage's input.
    public let source: OrNull<Int>
    /// `readers`: the blocks that read them.
    public let readers: Int
    /// `relative`: the mean of the readings' `relative`.
    public let relative: OrNull<Double>
  }

  /// A part of what readers read.
  public struct Band: Encodable, Sendable {
    /// `weight_share`: its share of the weights.
    public let weightShare: OrNull<Double>
    /// `map_share`: its share of the maps.
    public let mapShare: OrNull<Double>

    init(_ band: ReuseSummary.Band) {
      weightShare = OrNull(finite: band.weightShare)
      mapShare = OrNull(finite: band.mapShare)
    }
  }

  /// `stage`: the stage's number.
  public let stage: Int
  /// `readings`: what each block reads of each source.
  public let readings: [Reading]
  /// `sources`: what all readers make of each source.
  public let sources: [Source]
  /// `input`: the stage's input; null where no reader has two dense blocks before it.
  public let input: OrNull<Band>
  /// `early`: the earlier half of the dense blocks that a reader reads.
  public let early: OrNull<Band>
  /// `recent`: the later half of them.
  public let recent: OrNull<Band>

  init(_ reuse: ReuseSummary) {
    stage = reuse.stage
    readings = reuse.readings.map { reading in
      Reading(
        reader: reading.reader, source: OrNull(reading.source), maps: reading.maps,
        meanWeight: OrNull(finite: reading.meanWeight), relative: OrNull(finite: reading.relative))
    }
    sources = reuse.sources.map { source in
      Source(
        source: OrNull(source.source), readers: source.readers,
        relative: OrNull(finite: source.relative))
    }
    input = OrNull(reuse.input.map(Band.init))
    early = OrNull(reuse.early.map(Band.init))
    recent = OrNull(reuse.recent.map(Band.init))
  }
}
