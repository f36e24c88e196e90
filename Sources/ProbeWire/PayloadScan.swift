import ProbeCore

/// Looks through a payload's tags and lengths before it is decoded, and counts what they ask for.
///
/// A block takes a kilobyte once decoded and two bytes on the wire: 4 MiB of "one more block" would be
/// gigabytes for a moment. What passes decodes into some tens of megabytes at most: every repeated
/// part is within its limit, and no other part comes twice (protobuf would merge the two, at the cost
/// of a copy each time). Complexity: the payload's bytes, no memory.
struct PayloadScan {
  /// The messages of probe.proto that have parts; all others are ``leaf``.
  private enum Message {
    case record, runOpened, blockMap, block, frame, metrics, blockStatistics, logDistribution
    case histogram, ablation, similarity, pair, reuse, removalOrder, leaf
  }

  /// What a field of a known number is, as far as memory goes.
  private enum Field {
    /// A number, a text or a field that this version does not know: kept once or not at all.
    case plain
    /// A message that comes at most once.
    case one(Message)
    /// A message that comes up to `limit` times.
    case many(Message, limit: Int, of: String)
    /// Numbers, packed or one by one, up to `limit` of them.
    case numbers(limit: Int, of: String)
  }

  private let bytes: UnsafeRawBufferPointer

  /// Accepts a payload or says what is wrong with it.
  ///
  /// - Throws: ``WireError/malformed`` for bytes that are no message at all,
  ///   ``WireError/impossible(_:)`` for too many parts.
  static func check(_ payload: UnsafeRawBufferPointer) throws(WireError) {
    try PayloadScan(bytes: payload).scan(.record, 0..<payload.count)
  }

  private func scan(_ message: Message, _ range: Range<Int>) throws(WireError) {
    var place = range.lowerBound
    let end = range.upperBound
    var seen: UInt64 = 0
    // No message has more than two repeated fields; neighbours in number.
    var counts = SIMD2<Int>()
    while place < end {
      let tag = try varint(&place, end)
      guard tag <= UInt64(UInt32.max), tag >> 3 > 0 else { throw .malformed }
      let number = Int(tag >> 3)
      let wireType = tag & 7
      let content = try self.content(wireType, &place, end)
      switch Self.field(number, of: message) {
      case .plain: break
      case .one(let part):
        guard wireType == 2 else { throw .malformed }
        // A record is one of its kinds.
        let bit: UInt64 = message == .record ? 1 : 1 << UInt64(number)
        guard seen & bit == 0 else { throw .impossible("one part twice") }
        seen |= bit
        if part != .leaf { try scan(part, content) }
      case .many(let part, let limit, let of):
        guard wireType == 2 else { throw .malformed }
        counts[number & 1] += 1
        guard counts[number & 1] <= limit else {
          throw Self.tooMany(try count(number, in: range), limit, of)
        }
        if part != .leaf { try scan(part, content) }
      case .numbers(let limit, let of):
        guard wireType == 0 || wireType == 2 else { throw .malformed }
        // A number ends with the first byte whose high bit is clear.
        counts[number & 1] += wireType == 0 ? 1 : bytes[content].count { $0 < 0x80 }
        guard counts[number & 1] <= limit else { throw Self.tooMany(counts[number & 1], limit, of) }
      }
    }
  }

  private static func field(_ number: Int, of message: Message) -> Field {
    switch (message, number) {
    case (.record, 1): .one(.runOpened)
    case (.record, 2): .one(.blockMap)
    case (.record, 3): .one(.frame)
    case (.record, 4): .one(.metrics)
    case (.record, 5): .one(.leaf)
    case (.record, 6): .one(.similarity)
    case (.record, 7): .one(.reuse)
    case (.record, 8): .one(.ablation)
    case (.record, 9): .one(.removalOrder)
    case (.runOpened, 14):
      .many(.leaf, limit: RunOpened.maximumConfigEntries, of: "configuration entries")
    case (.blockMap, 1): .many(.block, limit: BlockMap.maximumBlocks, of: "blocks in a block map")
    case (.block, 8): .numbers(limit: Block.maximumDimensions, of: "dimensions of a shape")
    case (.frame, 9):
      .many(.blockStatistics, limit: BlockMap.maximumBlocks, of: "blocks in a frame")
    case (.frame, 10), (.metrics, 2):
      .many(.leaf, limit: Metric.maximumCount, of: "metrics in one record")
    case (.blockStatistics, 7), (.blockStatistics, 9): .one(.logDistribution)
    case (.blockStatistics, 8): .one(.histogram)
    case (.blockStatistics, 10...18), (.blockStatistics, 25...27): .one(.leaf)
    case (.logDistribution, 2): .one(.leaf)
    case (.ablation, 9): .numbers(limit: BlockMap.maximumBlocks, of: "blocks removed together")
    case (.ablation, 10): .one(.leaf)
    case (.ablation, 19): .one(.logDistribution)
    case (.similarity, 10): .many(.pair, limit: BlockMap.maximumBlocks, of: "pairs of blocks")
    case (.pair, 2), (.pair, 4): .one(.leaf)
    case (.reuse, 10):
      .many(.leaf, limit: BlockMap.maximumBlocks + 1, of: "sources of a dense block")
    case (.removalOrder, 12):
      .numbers(limit: BlockMap.maximumBlocks, of: "blocks of a removal order")
    case (.histogram, 1), (.histogram, 2):
      .numbers(limit: GapHistogram.slotCount, of: "slots of a histogram")
    default: .plain
    }
  }

  private static func tooMany(_ count: Int, _ limit: Int, _ of: String) -> WireError {
    .impossible("\(count) \(of) (\(limit) are allowed)")
  }

  /// How often a field comes in a message: for the words that refuse it.
  private func count(_ number: Int, in range: Range<Int>) throws(WireError) -> Int {
    var place = range.lowerBound
    var count = 0
    while place < range.upperBound {
      let tag = try varint(&place, range.upperBound)
      _ = try content(tag & 7, &place, range.upperBound)
      if Int(tag >> 3) == number { count += 1 }
    }
    return count
  }

  /// The bytes of a field's value; `place` moves past them.
  private func content(
    _ wireType: UInt64, _ place: inout Int, _ end: Int
  ) throws(WireError) -> Range<Int> {
    var start = place
    switch wireType {
    case 0: _ = try varint(&place, end)
    case 1: place += 8
    case 2:
      let length = try varint(&place, end)
      guard length <= UInt64(end - place) else { throw .malformed }
      start = place
      place += Int(length)
    case 5: place += 4
    // Groups: proto3 has none, and no version of probe.proto will.
    default: throw .malformed
    }
    guard place <= end else { throw .malformed }
    return start..<place
  }

  private func varint(_ place: inout Int, _ end: Int) throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard place < end else { throw .malformed }
      let byte = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed
  }
}
