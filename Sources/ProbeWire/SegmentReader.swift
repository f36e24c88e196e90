import ProbeCore

/// Reads a segment's bytes as they come and hands out whole records: a value, no file, no clock.
///
/// Feed it with ``append(_:)`` and call ``next()`` until it asks for more. What it has handed out
/// ends at ``offset``; reading may resume there in another reader.
public struct SegmentReader: Sendable {
  /// What comes next.
  public enum Event: Sendable, Hashable {
    /// The bytes so far hold no further whole record.
    case needsMore
    /// The header: always the first event of a reader that starts at 0.
    case opened(SegmentIdentity)
    /// The payload of a record whose checksum is right.
    case record([UInt8])
    /// The segment cannot be read any further; every later call answers the same.
    case damaged(Damage)
  }

  /// Why a segment cannot be read past ``SegmentReader/offset``.
  public enum Damage: Sendable, Hashable, CustomStringConvertible {
    /// It does not begin with "RPJ1".
    case notAJournal
    /// It is a journal of a format that this version does not know.
    case unknownFormat(UInt8)
    /// A record states a length beyond 4 MiB.
    case length(UInt32)
    /// A record states a length of 0 and bytes other than 0 follow.
    case zeroLength
    /// A record's checksum does not match its bytes.
    case checksum

    /// One clause in words, without a full stop.
    public var description: String {
      switch self {
      case .notAJournal: "it does not begin with \"RPJ1\", so it is no resnet-probe journal"
      case .unknownFormat(let digit):
        "it is a journal of format \(Character(UnicodeScalar(digit))); this version reads format 1"
      case .length(let length): "a record states \(length) bytes, more than the 4 MiB allowed"
      case .zeroLength: "a record states no bytes but more follow"
      case .checksum: "a record's checksum does not match its bytes"
      }
    }
  }

  /// What stands after the last whole record, once no more bytes will come.
  public enum Tail: Sendable, Hashable {
    /// Nothing: the segment ends with a whole record.
    case whole
    /// Part of a record, as a killed process leaves it.
    case cut(bytes: Int)
    /// Zeros only, as a crashed machine leaves them.
    case zeroFilled(bytes: Int)
  }

  /// Everything before this byte of the segment has been handed out.
  public private(set) var offset: Int
  private var buffer: [UInt8] = []
  private var start = 0
  private var zeroTail = 0
  private var damage: Damage?

  /// A reader whose first byte is byte `offset` of the segment: 0, or where another reader stood.
  public init(offset: Int = 0) { self.offset = offset }

  /// Takes in the bytes that follow.
  ///
  /// Complexity: their number, and once for each record handed out what was left of the bytes before.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard damage == nil else { return }
    if zeroTail > 0 {
      guard bytes.isZero else {
        damage = .zeroLength
        return
      }
      zeroTail += bytes.count
      return
    }
    if start > 0 {
      buffer.removeSubrange(..<start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// Takes in the bytes that follow, from a collection.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    let isTaken: Void? = bytes.withContiguousStorageIfAvailable {
      append(UnsafeRawBufferPointer($0))
    }
    if isTaken == nil { Array(bytes).withUnsafeBytes { append($0) } }
  }

  /// Hands out what comes next.
  ///
  /// Complexity: the length of the record.
  public mutating func next() -> Event {
    if let damage { return .damaged(damage) }
    return offset == 0 ? header() : record()
  }

  /// What is left over, if nothing follows.
  public var tail: Tail {
    if zeroTail > 0 { return .zeroFilled(bytes: zeroTail) }
    let left = buffer.count - start
    if left == 0 { return .whole }
    return isRestZero ? .zeroFilled(bytes: left) : .cut(bytes: left)
  }

  private mutating func header() -> Event {
    let known = min(buffer.count - start, Journal.magic.count)
    for place in 0..<known where buffer[start + place] != Journal.magic[place] {
      let digit = buffer[start + place]
      let isNewer = place == 3 && (0x30...0x39).contains(digit)
      return fail(isNewer ? .unknownFormat(digit) : .notAJournal)
    }
    guard buffer.count - start >= Journal.headerLength else { return .needsMore }
    let segment = Int(word(at: start + 4))
    let journal = Identity(bytes: buffer[(start + 8)..<(start + 24)])!
    consume(Journal.headerLength)
    return .opened(SegmentIdentity(journal: journal, segment: segment))
  }

  private mutating func record() -> Event {
    guard buffer.count - start >= 4 else { return .needsMore }
    let length = word(at: start)
    if length == 0 { return zeros() }
    guard length <= UInt32(Journal.maximumRecordLength) else { return fail(.length(length)) }
    let end = start + Journal.prefixLength + Int(length)
    guard buffer.count >= end else { return .needsMore }
    let crc = buffer.withUnsafeBytes { bytes in
      CRC32.checksum(
        UnsafeRawBufferPointer(rebasing: bytes[(start + Journal.prefixLength)..<end]),
        previous: CRC32.checksum(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + 4)])))
    }
    guard crc == word(at: start + 4) else { return fail(.checksum) }
    let payload = Array(buffer[(start + Journal.prefixLength)..<end])
    consume(end - start)
    return .record(payload)
  }

  /// Zeros to the end are a crashed machine's tail, of which only the length is kept; anything else
  /// after them is damage.
  private mutating func zeros() -> Event {
    guard isRestZero else { return fail(.zeroLength) }
    zeroTail += buffer.count - start
    buffer.removeAll()
    start = 0
    return .needsMore
  }

  private var isRestZero: Bool {
    buffer.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[start...]).isZero }
  }

  private mutating func consume(_ count: Int) {
    start += count
    offset += count
  }

  private mutating func fail(_ damage: Damage) -> Event {
    self.damage = damage
    return .damaged(damage)
  }

  private func word(at place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(buffer[place + $1]) << (8 * UInt32($1)) }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether every byte is 0.
  fileprivate var isZero: Bool {
    var place = 0
    // 64 bytes at a time: a machine's crash can leave a gigabyte of zeros.
    while place + 64 <= count {
      guard loadUnaligned(fromByteOffset: place, as: SIMD8<UInt64>.self) == SIMD8() else {
        return false
      }
      place += 64
    }
    return self[place...].allSatisfy { $0 == 0 }
  }
}
