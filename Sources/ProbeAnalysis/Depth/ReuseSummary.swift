public import ProbeCore

/// What the dense blocks of one stage weigh of the maps before them (Depth.md).
///
/// A mean |w| is a weight and no effect: what a block reads with small weights may matter, and what it
/// reads with large ones may be constant. Nothing here says that a block may go.
///
/// Source: Huang et al. 2017, figure 5.
public struct ReuseSummary: Sendable, Hashable {
  /// What one dense block weighs of one source.
  public struct Reading: Sendable, Hashable {
    /// The block that reads.
    public let reader: Int
    /// The block that made the maps; nil for the input of the stage.
    public let source: Int?
    /// How many maps they are.
    public let maps: Int
    /// The mean |w| over them.
    public let meanWeight: Double
    /// That over the mean |w| of all maps that the reader reads: 1 where it weighs all alike.
    public let relative: Double?
  }

  /// What all readers together make of one source.
  public struct SourceUse: Sendable, Hashable {
    /// The block that made the maps; nil for the input of the stage.
    public let source: Int?
    /// The blocks that read them.
    public let readers: Int
    /// The mean over its readers of ``Reading/relative``.
    public let relative: Double
    /// Whether its readers weigh it less than half as much as they weigh what they read on average.
    public var isHardlyRead: Bool { relative < Self.hardlyRead }

    /// The relative weight below which a source is hardly read.
    public static let hardlyRead = 0.5
  }

  /// A part of what readers read: its share of their weights beside its share of their maps.
  public struct Band: Sendable, Hashable {
    /// The mean over readers of its share of Σ|w|.
    public let weightShare: Double
    /// The mean over readers of its share of the maps: the weight's, were all maps weighed alike.
    public let mapShare: Double
  }

  /// The stage's number.
  public let stage: Int
  /// The dense blocks whose weights are known.
  public let readers: Int
  /// What each reads, by reader and then by source, the input of the stage first.
  public let readings: [Reading]
  /// The sources, the input of the stage first, each with what its readers weigh of it.
  public let sources: [SourceUse]
  /// The input of the stage; nil where no reader has the three parts.
  public let input: Band?
  /// The earlier half of the dense blocks that a reader reads, without the middle one.
  public let early: Band?
  /// The later half of them, with the middle one.
  public let recent: Band?

  /// The sources that their readers hardly read.
  public var hardlyRead: [SourceUse] { sources.filter(\.isHardlyRead) }

  /// What was read in each stage with dense blocks, in network order.
  ///
  /// Readers that are no block of the run, and sources that are none before their reader, are left out.
  /// The three parts are means over the readers with an input and two dense blocks or more before them.
  /// Complexity: O(readings log readings).
  public static func all(of history: History) -> [ReuseSummary] {
    guard let ablations = history.ablations else { return [] }
    let stages = Dictionary(
      history.blocks.map { ($0.block.ordinal, $0.block.stage) }, uniquingKeysWith: { $1 })
    let rows = ablations.reuse.compactMap { ReuseRow($0, known: stages) }
    return Dictionary(grouping: rows) { stages[$0.reader]! }.sorted { $0.key < $1.key }
      .map { ReuseSummary(stage: $0.key, $0.value.sorted { $0.reader < $1.reader }) }
  }

  private init(stage: Int, _ rows: [ReuseRow]) {
    self.stage = stage
    readers = rows.count
    readings = rows.flatMap(\.readings)
    let bySource = Dictionary(grouping: readings.filter { $0.relative != nil }, by: \.source)
    sources = bySource.sorted { ($0.key ?? -1) < ($1.key ?? -1) }.map { source, readings in
      SourceUse(
        source: source, readers: readings.count,
        relative: readings.reduce(0) { $0 + $1.relative! } / Double(readings.count))
    }
    let parts = rows.compactMap(\.parts)
    func band(_ part: (ReuseRow.Parts) -> Band) -> Band? {
      guard !parts.isEmpty else { return nil }
      let bands = parts.map(part)
      return Band(
        weightShare: bands.reduce(0) { $0 + $1.weightShare } / Double(bands.count),
        mapShare: bands.reduce(0) { $0 + $1.mapShare } / Double(bands.count))
    }
    input = band(\.input)
    early = band(\.early)
    recent = band(\.recent)
  }
}

/// What one dense block reads.
private struct ReuseRow {
  /// The input of the stage, the earlier and the later half of the dense blocks read.
  typealias Parts = (input: ReuseSummary.Band, early: ReuseSummary.Band, recent: ReuseSummary.Band)

  let reader: Int
  let readings: [ReuseSummary.Reading]

  /// Takes the sources that are blocks before the reader, or the input; nil where none is.
  init?(_ reuse: Reuse, known: [Int: Int]) {
    guard known[reuse.reader] != nil else { return nil }
    let sources = reuse.sources.filter { source in
      let isKnown = source.ordinal.map { $0 < reuse.reader && known[$0] != nil } ?? true
      return isKnown && source.maps > 0 && source.meanWeight.isFinite && source.meanWeight >= 0
    }.sorted { ($0.ordinal ?? -1) < ($1.ordinal ?? -1) }
    guard !sources.isEmpty else { return nil }
    let mean =
      sources.reduce(0) { $0 + Double($1.maps) * $1.meanWeight }
      / sources.reduce(0) { $0 + Double($1.maps) }
    reader = reuse.reader
    readings = sources.map { source in
      ReuseSummary.Reading(
        reader: reuse.reader, source: source.ordinal, maps: source.maps,
        meanWeight: source.meanWeight,
        relative: mean > 0 && mean.isFinite ? source.meanWeight / mean : nil)
    }
  }

  /// Nil without an input, below two dense blocks, and where all weights are 0.
  var parts: Parts? {
    let dense = readings.filter { $0.source != nil }
    let input = readings.filter { $0.source == nil }
    guard !input.isEmpty, dense.count >= 2, readings.allSatisfy({ $0.relative != nil }) else {
      return nil
    }
    return (
      band(input), band(dense.prefix(dense.count / 2)), band(dense.dropFirst(dense.count / 2))
    )
  }

  private func band(_ part: some Collection<ReuseSummary.Reading>) -> ReuseSummary.Band {
    let maps = readings.reduce(0) { $0 + Double($1.maps) }
    return ReuseSummary.Band(
      weightShare: part.reduce(0) { $0 + Double($1.maps) * $1.relative! } / maps,
      mapShare: part.reduce(0) { $0 + Double($1.maps) } / maps)
  }
}
