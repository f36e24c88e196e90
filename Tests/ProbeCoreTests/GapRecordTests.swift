import ProbeCore
import Testing

@Suite struct GapRecordTests {
  private func record(_ n: Int, gap: Double?, samples: Int) -> BlockRecord {
    var statistics = BlockStatistics(ordinal: 0)
    statistics.samples = samples
    statistics.dropped = samples - n
    statistics.undefined = 1
    statistics.nonFinite = 2
    statistics.identityGap.n = n
    statistics.identityGap.p50 = gap
    if let gap { statistics.identityGapHistogram.count(n, inSlot: GapHistogram.slot(of: gap)) }
    return BlockRecord(step: 7, statistics: statistics)
  }

  @Test func `ranks put together are what their whole records put together are`() {
    let records = [
      record(32, gap: 0.25, samples: 32), record(8, gap: 0.5, samples: 40),
      record(0, gap: nil, samples: 16),
    ]
    for first in records {
      for second in records {
        var whole = first
        whole.statistics.merge(rank: second.statistics)
        var part = GapRecord(first)
        part.merge(rank: GapRecord(second))
        #expect(part == GapRecord(whole))
        #expect(part.medianGap == whole.medianGap)
      }
    }
  }

  @Test func `a median without samples is none`() {
    #expect(GapRecord(record(0, gap: 0.5, samples: 4)).medianGap == nil)
    #expect(GapRecord(record(4, gap: .nan, samples: 4)).medianGap == nil)
  }
}
