import ProbeCore
import ProbeWire
import Support
import Testing

/// Payloads that ask for more memory than they have bytes.
@Suite struct PayloadScanTests {
  private typealias Field = WireField

  private func decode(_ fields: [Field]) throws(WireError) -> Record? {
    try RecordCodec.decode(Field.bytes(fields), in: Golden.segment)
  }

  private func problem(_ fields: [Field]) -> WireError? {
    do throws(WireError) {
      _ = try decode(fields)
      return nil
    } catch { return error }
  }

  /// A record of a kind whose field `number` comes this often, empty each time.
  private func record(kind: Int, of number: Int, times count: Int) -> [Field] {
    [Field(kind, .message(Array(repeating: Field(number, .bytes([])), count: count)))]
  }

  @Test func `two million empty parts in 4 MiB are counted, not decoded`() {
    let cases = [
      (1, 14, "2000000 configuration entries (1024 are allowed)"),
      (2, 1, "2000000 blocks in a block map (16384 are allowed)"),
      (3, 9, "2000000 blocks in a frame (16384 are allowed)"),
      (3, 10, "2000000 metrics in one record (4096 are allowed)"),
      (4, 2, "2000000 metrics in one record (4096 are allowed)"),
    ]
    for (kind, number, words) in cases {
      let record = record(kind: kind, of: number, times: 2_000_000)
      #expect(problem(record) == .impossible(words))
    }
  }

  @Test func `as many parts as are allowed are decoded`() throws {
    let metric = Field(2, .message([Field(1, .bytes([0x61]))]))
    let metrics = Field(4, .message(Array(repeating: metric, count: Metric.maximumCount)))
    #expect(
      try decode([metrics])
        == .metrics(
          step: 0, Array(repeating: Metric(key: "a", value: 0), count: Metric.maximumCount)))
    let blocks = (0..<BlockMap.maximumBlocks).map {
      Field(9, .message([Field(1, .varint(UInt64($0)))]))
    }
    guard case .frame(let frame)? = try decode([Field(3, .message(blocks))]) else {
      Issue.record("no frame")
      return
    }
    #expect(frame.blocks.count == BlockMap.maximumBlocks)
  }

  /// A frame of one block whose histogram has these fields.
  private func histogram(_ fields: [Field]) -> [Field] {
    [Field(3, .message([Field(9, .message([Field(8, .message(fields))]))]))]
  }

  @Test func `a histogram's slots are counted, packed or one by one`() throws {
    let packed = [UInt8](repeating: 1, count: 4_000_000)
    #expect(
      problem(histogram([Field(1, .bytes(packed))]))
        == .impossible("4000000 slots of a histogram (101 are allowed)"))
    #expect(
      problem(histogram([Field(2, .bytes(packed))]))
        == .impossible("4000000 slots of a histogram (101 are allowed)"))
    let single = Array(repeating: Field(1, .varint(0)), count: 102)
    #expect(
      problem(histogram(single)) == .impossible("102 slots of a histogram (101 are allowed)"))
    let all = (0..<101).map { Field(1, .varint($0)) } + [Field(2, .bytes(Array(packed[..<101])))]
    guard case .frame(let frame)? = try decode(histogram(all)) else {
      Issue.record("no frame")
      return
    }
    #expect(frame.blocks[0].identityGapHistogram.entries.count == 101)
  }

  @Test func `a shape's dimensions are counted`() {
    let shape = Field(8, .bytes([UInt8](repeating: 1, count: 4_000_000)))
    let map = Field(2, .message([Field(1, .message([Field(2, .bytes([0x61])), shape]))]))
    #expect(problem([map]) == .impossible("4000000 dimensions of a shape (8 are allowed)"))
  }

  @Test func `a part that comes twice is refused, not merged`() {
    // Merging copies what came before, once for each part.
    let frame = Field(3, .message([Field(1, .varint(1))]))
    let map = Field(2, .message([]))
    #expect(problem([frame, frame]) == .impossible("one part twice"))
    #expect(problem([frame, map]) == .impossible("one part twice"))
    let slots = Field(8, .message([Field(1, .varint(1)), Field(2, .varint(1))]))
    #expect(
      problem([Field(3, .message([Field(9, .message([slots, slots]))]))])
        == .impossible("one part twice"))
    let logs = Field(2, .message([Field(1, .varint(1))]))
    #expect(
      problem([Field(3, .message([Field(9, .message([Field(7, .message([logs, logs]))]))]))])
        == .impossible("one part twice"))
  }

  @Test func `fields that this version does not know are passed over, however many`() throws {
    let unknown = Array(repeating: Field(1_000, .bytes([1, 2, 3])), count: 500_000)
    let frame = Field(3, .message([Field(1, .varint(7))] + unknown))
    guard case .frame(let read)? = try decode([frame]) else {
      Issue.record("no frame")
      return
    }
    #expect(read.step == 7)
    var nested = Field(1_000, .bytes([]))
    for _ in 0..<1_000 { nested = Field(1_000, .message([nested])) }
    #expect(try decode([Field(3, .message([Field(1, .varint(7)), nested]))]) == .frame(read))
    #expect(try decode(unknown) == nil)
  }

  @Test func `what no encoder writes is malformed`() {
    // A block as a number, a group, a tag beyond 32 bits, field 0, a varint without end, a length beyond the end.
    let frames: [[UInt8]] = [
      [0x48, 0x01], [0x0B, 0x0C], [0xCA, 0x80, 0x80, 0x80, 0x10, 0x00], [0x02, 0x00],
      [0x08] + [UInt8](repeating: 0xFF, count: 10), [0x4A, 0x05, 0x00], [0x11, 0x00],
    ]
    for frame in frames {
      #expect(problem([Field(3, .bytes(frame))]) == .malformed, "\(frame)")
    }
  }

  @Test func `a count of samples is one that sums over all ranks can hold`() throws {
    let most = UInt64(1) << 40
    func samples(_ count: UInt64) -> [Field] {
      [Field(3, .message([Field(9, .message([Field(2, .varint(count))]))]))]
    }
    #expect(try decode(samples(most)) != nil)
    #expect(
      problem(samples(most + 1)) == .impossible("a number of samples of 1099511627777"))
    #expect(
      problem([Field(3, .message([Field(8, .varint(most + 1))]))])
        == .impossible("a number of dropped frames of 1099511627777"))
  }

  @Test func `a configuration is at most 1 MiB`() {
    var opened = Golden.opened
    for entry in 0..<16 {
      opened.config["\(entry)"] = String(repeating: "v", count: 65_536)
    }
    func problem() -> WireError? {
      do throws(WireError) {
        let payload = try RecordCodec.encode(.runOpened(opened), in: Golden.segment)
        _ = try RecordCodec.decode(payload, in: Golden.segment)
        return nil
      } catch { return error }
    }
    #expect(
      problem() == .impossible("a configuration of 1048603 bytes (1048576 are allowed)"))
    opened.config["0"] = nil
    #expect(problem() == nil)
  }
}
