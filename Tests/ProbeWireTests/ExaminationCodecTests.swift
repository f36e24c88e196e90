import ProbeCore
import ProbeWire
import Support
import Testing

/// What examinations measure beside ablations, on the wire.
@Suite struct ExaminationCodecTests {
  private static let examination = Examination(
    identity: Identity(bytes: [UInt8](repeating: 9, count: 16))!, step: 400, samples: 64,
    planned: 27, baseLoss: 0.25, baseError: 0.0625)

  private static let span: Similarity = {
    var span = Similarity(first: 3, last: 5)
    span.angularDistance = Moments(n: 64, mean: 0.25, m2: 2)!
    span.gapSamples = 63
    span.gapLogs = Moments(n: 60, mean: -1, m2: 2)!
    span.cka = 1
    span.branchCKA = -0.125
    return span
  }()

  private static let apart = Similarity(first: 3, last: 16_383)

  private static let reuse = Reuse(
    reader: 7,
    sources: [
      Reuse.Source(ordinal: nil, maps: 64, meanWeight: 0.25),
      Reuse.Source(ordinal: 0, maps: 12, meanWeight: 0),
      Reuse.Source(ordinal: 6, maps: 12, meanWeight: 0.5),
    ])

  private static let order = RemovalOrder(
    strategy: .random, number: 1_023, place: 2, ordinals: [4, 0, 16_383])

  private static let records: [Record] = [
    .similarity(examination, [span, apart]), .reuse(examination, reuse),
    .removalOrder(examination, order),
  ]

  private func back(_ record: Record) throws(WireError) -> Record? {
    try RecordCodec.decode(
      try RecordCodec.encode(record, in: Golden.segment), in: Golden.segment)
  }

  /// What is said of a record.
  private func problem(_ record: Record) -> WireError? {
    do throws(WireError) {
      _ = try back(record)
      return nil
    } catch { return error }
  }

  @Test func `all of each comes through`() throws {
    for record in Self.records { #expect(try back(record) == record) }
    for strategy in RemovalOrder.Strategy.allCases {
      let whole = RemovalOrder(strategy: strategy, ordinals: [0])
      #expect(
        try back(.removalOrder(Self.examination, whole)) == .removalOrder(Self.examination, whole))
    }
    var bare = Self.examination
    bare.baseError = nil
    let own = Similarity(first: 0, last: 0)
    #expect(try back(.similarity(bare, [own])) == .similarity(bare, [own]))
  }

  @Test func `similarities that cannot be are refused`() {
    let changes: [(String, (inout [Similarity]) -> Void)] = [
      ("a span that ends before it begins", { $0[0].last = 2 }),
      ("similarities of blocks that are not ascending", { $0[1].last = 5 }),
      ("similarities of blocks that are not ascending", { $0.swapAt(0, 1) }),
      ("a block 16384", { $0[1].last = 16_384 }),
      ("a block 16384", { pairs in for place in pairs.indices { pairs[place].first = 16_384 } }),
      (
        "an angular distance of 1.5",
        { $0[0].angularDistance = Moments(n: 64, mean: 1.5, m2: 0)! }
      ),
      (
        "an angular distance of -0.5", { $0[0].angularDistance = Moments(n: 1, mean: -0.5, m2: 0)! }
      ),
      ("more logarithms than values of span_gap", { $0[0].gapSamples = 59 }),
      ("a span_gap_n of 1099511627777", { $0[0].gapSamples = 1 << 40 + 1 }),
      ("a cka of 1.125", { $0[0].cka = 1.125 }),
      ("a cka of nan", { $0[0].cka = .nan }),
      ("a branch_cka of -2.0", { $0[0].branchCKA = -2 }),
    ]
    for (words, change) in changes {
      var pairs = [Self.span, Self.apart]
      change(&pairs)
      #expect(problem(.similarity(Self.examination, pairs)) == .impossible(words))
    }
  }

  @Test func `reuse that cannot be is refused`() {
    let order = "sources of a dense block that are not ascending, or not before it"
    let changes: [(String, (inout Reuse) -> Void)] = [
      ("a dense block that reads nothing", { $0.sources = [] }),
      (order, { $0.sources.swapAt(0, 1) }),
      (order, { $0.sources[2].ordinal = 0 }),
      (order, { $0.sources[2].ordinal = 7 }),
      ("a source of no maps", { $0.sources[1].maps = 0 }),
      ("a mean weight of -0.5", { $0.sources[1].meanWeight = -0.5 }),
      ("a mean weight of inf", { $0.sources[1].meanWeight = .infinity }),
      ("a block 16384", { $0.reader = 16_384 }),
      ("a block 16384", { $0.sources[2].ordinal = 16_384 }),
    ]
    for (words, change) in changes {
      var reuse = Self.reuse
      change(&reuse)
      #expect(problem(.reuse(Self.examination, reuse)) == .impossible(words))
    }
  }

  @Test func `removal orders that cannot be are refused`() {
    let changes: [(String, (inout RemovalOrder) -> Void)] = [
      ("a removal order of no blocks", { $0.ordinals = [] }),
      ("a removal order that holds block 4 twice", { $0.ordinals = [4, 0, 4] }),
      ("a block 16384", { $0.ordinals = [16_384] }),
      ("a block 16384", { $0.place = 16_384 }),
      ("a removal order of 16385 blocks", { $0.place = 16_382 }),
      ("a removal order of number 1024", { $0.number = 1_024 }),
    ]
    for (words, change) in changes {
      var order = Self.order
      change(&order)
      #expect(problem(.removalOrder(Self.examination, order)) == .impossible(words))
    }
  }

  @Test func `an examination that cannot be is refused in each`() {
    let changes: [(String, (inout Examination) -> Void)] = [
      ("a probe set of 1 samples", { $0.samples = 1 }),
      ("an examination that plans nothing", { $0.planned = 0 }),
      ("a base loss of nan", { $0.baseLoss = .nan }),
      ("a base error of -0.5", { $0.baseError = -0.5 }),
      ("a confidence of 1.0", { $0.confidence = 1 }),
    ]
    for (words, change) in changes {
      var examination = Self.examination
      change(&examination)
      let records: [Record] = [
        .similarity(examination, [Self.span]), .reuse(examination, Self.reuse),
        .removalOrder(examination, Self.order),
      ]
      for record in records { #expect(problem(record) == .impossible(words)) }
    }
  }

  /// A record with the fields of its message changed.
  private func changed(
    _ record: Record, _ change: (inout [WireField]) -> Void
  ) throws -> [UInt8] {
    let payload = try RecordCodec.encode(record, in: Golden.segment)
    let outer = try #require(WireField.fields(of: payload, depth: 1)?.first)
    guard case .message(var fields) = outer.value else { return [] }
    change(&fields)
    return WireField.bytes([WireField(outer.number, .message(fields))])
  }

  @Test func `an unknown strategy, no pairs and an identity of another length are refused`() throws
  {
    let strategy = try changed(Self.records[2]) { fields in
      fields.removeAll { $0.number == 9 }
      fields.append(WireField(9, .varint(3)))
    }
    #expect(throws: WireError.impossible("an unknown removal strategy")) {
      try RecordCodec.decode(strategy, in: Golden.segment)
    }
    let pairs = try changed(Self.records[0]) { $0.removeAll { $0.number == 10 } }
    #expect(throws: WireError.impossible("a similarity of no blocks")) {
      try RecordCodec.decode(pairs, in: Golden.segment)
    }
    for record in Self.records {
      let identity = try changed(record) { fields in
        fields.removeAll { $0.number == 1 }
        fields.append(WireField(1, .bytes([UInt8](repeating: 9, count: 15))))
      }
      #expect(throws: WireError.impossible("an examination's identity of 15 bytes")) {
        try RecordCodec.decode(identity, in: Golden.segment)
      }
    }
  }

  @Test func `more parts than a network may have are refused before they are decoded`() throws {
    let pair = WireField(10, .bytes([]))
    let many: [(Record, [WireField], String)] = [
      (
        Self.records[0], [WireField](repeating: pair, count: 16_385),
        "16387 pairs of blocks (16384 are allowed)"
      ),
      (
        Self.records[1], [WireField](repeating: pair, count: 16_385),
        "16388 sources of a dense block (16385 are allowed)"
      ),
      (
        Self.records[2], [WireField(12, .bytes([UInt8](repeating: 1, count: 16_384)))],
        "16387 blocks of a removal order (16384 are allowed)"
      ),
    ]
    for (record, more, words) in many {
      let payload = try changed(record) { $0 += more }
      #expect(throws: WireError.impossible(words)) {
        try RecordCodec.decode(payload, in: Golden.segment)
      }
    }
  }

  @Test(arguments: records.indices)
  func `bytes cut or flipped anywhere are an error or a record, never a crash`(place: Int) throws {
    let payload = try RecordCodec.encode(Self.records[place], in: Golden.segment)
    for end in payload.indices {
      _ = try? RecordCodec.decode(Array(payload[..<end]), in: Golden.segment)
      for bit in 0..<8 {
        var changed = payload
        changed[end] ^= 1 << UInt8(bit)
        _ = try? RecordCodec.decode(changed, in: Golden.segment)
      }
    }
  }
}
