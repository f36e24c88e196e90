import ProbeCore
import ProbeWire
import Support
import Testing

/// A frame's bytes in shapes that no recorder of ours writes, but protobuf allows.
@Suite struct FrameFieldsTests {
  private let frame = Golden.frame(step: 10, gap: 0.25)

  /// The bytes of the message `Frame`.
  private func message(_ frame: Frame) throws -> [UInt8] {
    let payload = try RecordCodec.encode(.frame(frame), in: Golden.segment)
    var start = 1
    while payload[start] >= 0x80 { start += 1 }
    return Array(payload[(start + 1)...])
  }

  private func delimited(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(content.count)) + content
  }

  private func varint(_ value: UInt64) -> [UInt8] {
    value < 0x80
      ? [UInt8(value)] : [UInt8(truncatingIfNeeded: value) | 0x80] + varint(value >> 7)
  }

  private func decode(_ payload: [UInt8]) throws(WireError) -> Record? {
    try RecordCodec.decode(payload, in: Golden.segment)
  }

  @Test func `fields of a later version are passed over, in every kind of message`() throws {
    let later: [[UInt8]] = [
      varint(100 << 3) + varint(1 << 40), varint(100 << 3 | 1) + [UInt8](repeating: 7, count: 8),
      varint(100 << 3 | 5) + [1, 2, 3, 4], delimited(100, [0xFF, 0xFF]),
    ]
    for field in later {
      #expect(try decode(delimited(3, field + message(frame) + field)) == .frame(frame))
      var block = BlockStatistics(ordinal: 2)
      block.samples = 5
      var expected = frame
      expected.blocks.append(block)
      // ordinal, samples and a cosine of nothing.
      let bytes = try message(frame) + delimited(9, [8, 2, 16, 5] + field + delimited(10, field))
      #expect(try decode(delimited(3, bytes)) == .frame(expected))
    }
  }

  @Test func `a field of another wire type is an unknown one`() throws {
    // step as a double, loss as text.
    let odd = [1 << 3 | 1] + [UInt8](repeating: 0x40, count: 8) + delimited(3, [65])
    #expect(try decode(delimited(3, message(frame) + odd)) == .frame(frame))
    // A block that is a number is none.
    let bytes = try message(frame) + [9 << 3, 1]
    #expect(throws: WireError.malformed) { try decode(delimited(3, bytes)) }
  }

  @Test func `a frame beside fields of a later version is a frame, one in two parts is refused`()
    throws
  {
    let bytes = try message(frame)
    #expect(try decode(delimited(3, bytes) + delimited(100, [])) == .frame(frame))
    let twice = delimited(3, bytes) + delimited(3, bytes)
    #expect(throws: WireError.impossible("one part twice")) { try decode(twice) }
  }

  @Test func `integers may be packed or not`() throws {
    // ordinal 3, 4 samples; histogram slots 5 packed, 6 not; counts the other way round; a cosine.
    let histogram = delimited(1, [5]) + [8, 6, 16, 1] + delimited(2, [2])
    let block: [UInt8] =
      [8, 3, 16, 4] + delimited(8, histogram)
      + delimited(10, [8, 1, 2 << 3 | 1] + [0, 0, 0, 0, 0, 0, 0xE0, 0x3F])
    var expected = BlockStatistics(ordinal: 3)
    expected.samples = 4
    expected.identityGapHistogram.count(1, inSlot: 5)
    expected.identityGapHistogram.count(2, inSlot: 6)
    expected.cosine = Moments(n: 1, mean: 0.5, m2: 0)!
    guard case .frame(let found) = try decode(delimited(3, delimited(9, block))) else {
      Issue.record("no frame")
      return
    }
    #expect(found.blocks == [expected])
  }

  @Test func `a frame that ends early or holds a group is malformed, whole fields missing are not`()
    throws
  {
    let bytes = try message(frame)
    var malformed = 0
    for length in 0..<bytes.count {
      do throws(WireError) {
        _ = try decode(delimited(3, Array(bytes[..<length])))
      } catch {
        #expect(error == .malformed)
        malformed += 1
      }
    }
    #expect(malformed > bytes.count / 2)
    #expect(throws: WireError.malformed) { try decode(delimited(3, [0x0B, 0x0C])) }
    #expect(throws: WireError.malformed) { try decode(delimited(3, [0])) }
    #expect(throws: WireError.malformed) {
      try decode(delimited(3, [8] + [UInt8](repeating: 0xFF, count: 10) + [1]))
    }
    #expect(throws: WireError.malformed) {
      try decode(delimited(3, delimited(10, delimited(1, [0xFF]))))
    }
  }

  @Test func `no flipped byte of a frame is a trap`() throws {
    let bytes = try message(frame)
    for place in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[place] ^= 1 << UInt8(bit)
        _ = try? decode(delimited(3, flipped))
      }
    }
  }
}
