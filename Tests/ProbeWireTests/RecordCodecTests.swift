import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct RecordCodecTests {
  private func roundTrip(_ record: Record) throws -> Record? {
    try RecordCodec.decode(try RecordCodec.encode(record, in: Golden.segment), in: Golden.segment)
  }

  private func problem(_ record: Record) -> WireError? {
    do throws(WireError) {
      _ = try RecordCodec.decode(
        try RecordCodec.encode(record, in: Golden.segment), in: Golden.segment)
      return nil
    } catch { return error }
  }

  @Test func `every statistic comes through`() throws {
    var statistics = BlockStatistics(ordinal: 3)
    let moments = Moments(n: 5, mean: 0.5, m2: 0.25)!
    statistics.samples = 12
    statistics.microBatches = 2
    statistics.dropped = 3
    statistics.undefined = 2
    statistics.nonFinite = 1
    statistics.identityGap = LogDistribution(n: 6, logs: moments, p50: 1, p90: 2, p99: 3, max: 4)
    statistics.identityGapHistogram.count(gap: 0.3)
    statistics.identityGapHistogram.count(gap: 0)
    statistics.residualRatio = LogDistribution(n: 6, logs: moments, p50: 0, p90: 2, p99: 3, max: 4)
    statistics.cosine = moments
    statistics.perpendicularRatio = moments
    statistics.angularDistance = moments
    statistics.blockInfluence = moments
    statistics.streamRMS = PooledRMS(n: 7, rms: 0)
    statistics.branchRMS = PooledRMS(n: 8, rms: 1e-30)
    statistics.outputGradNorm = moments
    statistics.branchGain = moments
    statistics.taylorImportance = moments
    statistics.taylorSignedMean = 0
    statistics.gateGradient = -1
    statistics.weightNorm = 2
    statistics.gradientNorm = .infinity
    statistics.updateRatio = 4
    statistics.gateRMS = 0
    statistics.constantFraction = Fraction(n: 9, value: -0.01)
    statistics.deadFraction = Fraction(n: 9, value: 0)
    statistics.absorbedFraction = Fraction(n: 9, value: 1)
    var frame = Frame(step: 1 << 53, wallTime: 0)
    frame.loss = -.infinity
    frame.learningRate = 0
    frame.lossScale = 65536
    frame.skipped = true
    frame.droppedFrames = 17
    frame.blocks = [statistics]
    #expect(try roundTrip(.frame(frame)) == .frame(frame))
  }

  @Test func `a NaN loss stays one`() throws {
    var frame = Frame(step: 0, wallTime: 0)
    frame.loss = .nan
    guard case .frame(let back)? = try roundTrip(.frame(frame)) else {
      Issue.record("no frame")
      return
    }
    #expect(back.loss?.isNaN == true)
  }

  @Test func `a record names the segment it belongs to`() throws {
    let payload = try RecordCodec.encode(.runOpened(Golden.opened), in: Golden.segment)
    let other = SegmentIdentity(journal: Golden.journal, segment: 4)
    #expect(throws: WireError.foreignSegment(stated: Golden.segment)) {
      try RecordCodec.decode(payload, in: other)
    }
  }

  @Test func `what cannot be is refused with its reason`() {
    var late = Golden.opened
    late.startedAt = .nan
    #expect(problem(.runOpened(late)) == .impossible("a start time of nan"))
    var rank = Golden.opened
    rank.rank = 1
    #expect(problem(.runOpened(rank)) == .impossible("rank 1 of 1"))
    var long = Golden.opened
    long.name = String(repeating: "n", count: 513)
    #expect(
      problem(.runOpened(long)) == .impossible("a run name of 513 bytes (0 to 512 are allowed)"))
    #expect(
      problem(.metrics(step: 0, [Metric(key: "", value: 0)]))
        == .impossible("a metric key of 0 bytes (1 to 256 are allowed)"))
    var frame = Golden.frame(step: 0, gap: 0.5)
    frame.blocks.swapAt(0, 1)
    #expect(problem(.frame(frame)) == .impossible("block 0 after block 1"))
    frame = Golden.frame(step: 0, gap: 0.5)
    frame.blocks[0].identityGap.p90 = 0.1
    #expect(problem(.frame(frame)) == .impossible("percentiles of identity_gap that no sample has"))
    frame = Golden.frame(step: 0, gap: 0.5)
    frame.blocks[0].dropped = 64
    #expect(
      problem(.frame(frame))
        == .impossible("more dropped, undefined and non-finite samples than samples"))
    frame = Golden.frame(step: 0, gap: 0.5)
    frame.recorderSeconds = -1
    #expect(problem(.frame(frame)) == .impossible("a recorder's cost of -1.0 s"))
  }

  @Test func `bytes that are no message are malformed`() {
    #expect(throws: WireError.malformed) {
      try RecordCodec.decode([0x0A, 0xFF], in: Golden.segment)
    }
    // A name that is not UTF-8.
    #expect(throws: WireError.malformed) {
      try RecordCodec.decode([0x0A, 0x03, 0x2A, 0x01, 0xFF], in: Golden.segment)
    }
  }

  @Test func `a NUL in a name becomes a replacement character`() throws {
    let map = try BlockMap([Block(ordinal: 0, name: "a\0b", gate: "\0")])
    let expected = try BlockMap([Block(ordinal: 0, name: "a\u{FFFD}b", gate: "\u{FFFD}")])
    #expect(try roundTrip(.blockMap(map)) == .blockMap(expected))
    #expect(
      try roundTrip(.metrics(step: 0, [Metric(key: "\0", value: 1)]))
        == .metrics(step: 0, [Metric(key: "\u{FFFD}", value: 1)]))
  }

  @Test func `a record too long for a journal is not written`() {
    let metrics = (0..<20_000).map {
      Metric(key: String(repeating: "k", count: 250) + "\($0)", value: 1)
    }
    #expect(throws: WireError.self) {
      try RecordCodec.encode(.metrics(step: 0, metrics), in: Golden.segment)
    }
  }

  @Test func `random bytes are refused or read, never a trap`() {
    var state: UInt64 = 42
    for _ in 0..<20_000 {
      var bytes: [UInt8] = []
      state = state &* 6_364_136_223_846_793_005 &+ 1
      for _ in 0..<(state >> 58) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(UInt8(truncatingIfNeeded: state >> 33))
      }
      _ = try? RecordCodec.decode(bytes, in: Golden.segment)
    }
  }
}
