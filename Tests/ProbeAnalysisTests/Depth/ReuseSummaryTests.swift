import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct ReuseSummaryTests {
  private static func dense(_ ordinal: Int, stage: Int = 0) -> Block {
    Block(ordinal: ordinal, name: "\(ordinal)", kind: .concat, shortcut: .none, stage: stage)
  }

  private static func reads(_ reader: Int, _ sources: [(Int?, Int, Double)]) -> Reuse {
    Reuse(
      reader: reader,
      sources: sources.map { .init(ordinal: $0.0, maps: $0.1, meanWeight: $0.2) })
  }

  private static func summary(_ reuse: [Reuse], blocks: Int = 5) -> ReuseSummary? {
    ReuseSummary.all(of: run((0..<blocks).map { dense($0) }, examination([], reuse: reuse))).first
  }

  @Test func `a reader that weighs all maps alike has a relative weight of 1 for each`() throws {
    let summary = try #require(
      Self.summary([
        Self.reads(0, [(nil, 16, 0.2)]), Self.reads(1, [(nil, 16, 0.3), (0, 12, 0.3)]),
        Self.reads(2, [(nil, 16, 0.1), (0, 12, 0.1), (1, 12, 0.1)]),
      ]))
    #expect(summary.readers == 3)
    #expect(summary.readings.allSatisfy { agree($0.relative ?? 0, 1, within: 1e-12) })
    #expect(summary.hardlyRead.isEmpty)
    let bands = [summary.input, summary.early, summary.recent].compactMap(\.self)
    #expect(bands.count == 3)
    for band in bands { #expect(agree(band.weightShare, band.mapShare, within: 1e-12)) }
    #expect(summary.input.map { agree($0.mapShare, 0.4, within: 1e-12) } == true)
  }

  @Test func `a source is held against the mean weight of its readers' maps`() throws {
    let summary = try #require(
      Self.summary([
        // Means over maps: (1·30 + 3·10)/40 = 1.5 and (2·30 + 0.1·10 + 5·10)/50 = 2.22.
        Self.reads(1, [(0, 10, 3), (nil, 30, 1)]),
        Self.reads(2, [(nil, 30, 2), (0, 10, 0.1), (1, 10, 5)]),
      ]))
    #expect(summary.sources.map(\.source) == [nil, 0, 1])
    #expect(summary.sources.map(\.readers) == [2, 2, 1])
    let expected = [(1 / 1.5 + 2 / 2.22) / 2, (3 / 1.5 + 0.1 / 2.22) / 2, 5 / 2.22]
    for (source, relative) in zip(summary.sources, expected) {
      #expect(agree(source.relative, relative, within: 1e-12))
    }
    #expect(summary.readings.map(\.source) == [nil, 0, nil, 0, 1])
  }

  @Test func `what readers weigh below half is hardly read`() throws {
    let summary = try #require(
      Self.summary([Self.reads(2, [(nil, 10, 0.49), (0, 10, 1), (1, 10, 1.51)])]))
    #expect(summary.hardlyRead.map(\.source) == [nil])
    #expect(summary.sources.map(\.isHardlyRead) == [true, false, false])
  }

  @Test func `the middle block of an odd number is a recent one`() throws {
    let summary = try #require(
      Self.summary([Self.reads(3, [(nil, 10, 1), (0, 10, 1), (1, 10, 2), (2, 10, 4)])]))
    #expect(summary.input.map { agree($0.weightShare, 0.125, within: 1e-12) } == true)
    #expect(summary.early.map { agree($0.weightShare, 0.125, within: 1e-12) } == true)
    #expect(summary.recent.map { agree($0.weightShare, 0.75, within: 1e-12) } == true)
    #expect(summary.recent?.mapShare == 0.5)
  }

  @Test func `one dense block before a reader has no halves`() {
    let summary = Self.summary([Self.reads(1, [(nil, 10, 1), (0, 10, 2)])])
    #expect(summary?.early == nil && summary?.recent == nil && summary?.input == nil)
    #expect(summary?.sources.count == 2)
  }

  @Test func `weights that are all 0 say nothing`() {
    let summary = Self.summary([Self.reads(2, [(nil, 10, 0), (0, 10, 0), (1, 10, 0)])])
    #expect(summary?.readings.allSatisfy { $0.relative == nil } == true)
    #expect(summary?.sources.isEmpty == true && summary?.input == nil)
  }

  @Test func `each stage has its own input, and unknown blocks have no part`() {
    let blocks = (0..<4).map { Self.dense($0, stage: $0 / 2) }
    let reuse = [
      Self.reads(1, [(nil, 10, 1), (0, 10, 1), (8, 10, 1), (3, 10, 1)]),
      Self.reads(3, [(nil, 20, 1), (2, 10, 3)]), Self.reads(9, [(nil, 1, 1)]),
      Self.reads(2, [(7, 10, 1)]), Self.reads(0, [(nil, 0, 1)]),
    ]
    let all = ReuseSummary.all(of: run(blocks, examination([], reuse: reuse)))
    #expect(all.map(\.stage) == [0, 1])
    let sources: [[Int?]] = [[nil, 0], [nil, 2]]
    #expect(all.map { $0.sources.map(\.source) } == sources)
    #expect(ReuseSummary.all(of: run(blocks, nil)).isEmpty)
  }
}
