/// What a dense block reads of the maps before it.
///
/// Source: Huang et al. 2017, figure 5.
public struct Reuse: Sendable, Hashable {
  /// Maps that one source contributed.
  public struct Source: Sendable, Hashable {
    /// The block that made them; nil for the input of the stage.
    public var ordinal: Int?
    /// How many they are.
    public var maps: Int
    /// The mean |w| of the reader's first weights over them.
    public var meanWeight: Double

    /// A source.
    public init(ordinal: Int?, maps: Int, meanWeight: Double) {
      self.ordinal = ordinal
      self.maps = maps
      self.meanWeight = meanWeight
    }
  }

  /// The block that reads.
  public var reader: Int
  /// What it reads: the input of the stage first, then earlier blocks.
  public var sources: [Source]

  /// What a block reads.
  public init(reader: Int, sources: [Source]) {
    self.reader = reader
    self.sources = sources
  }
}
