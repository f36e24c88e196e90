public import ProbeCore

/// Which segment of which journal a file holds.
public struct SegmentIdentity: Sendable, Hashable {
  /// The journal: random, one for each recorder process.
  public var journal: Identity
  /// The segment's number in the journal, from 0.
  public var segment: Int

  /// A segment of a journal; `segment` must fit 32 bits.
  public init(journal: Identity, segment: Int) {
    precondition((0...Int(UInt32.max)).contains(segment), "a segment's number has 32 bits")
    self.journal = journal
    self.segment = segment
  }

  /// The segment that a file's name states: `<32 hexadecimal digits>.<number>.rpj`.
  ///
  /// Nil for other names.
  public init?(fileName: String) {
    let parts = fileName.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2] == "rpj", parts[0].utf8.count == 32,
      let journal = Identity(parts[0]), let segment = UInt32(parts[1]),
      SegmentIdentity(journal: journal, segment: Int(segment)).fileName == fileName
    else { return nil }
    self.init(journal: journal, segment: Int(segment))
  }

  /// The name of the segment's file.
  public var fileName: String { "\(journal).\(segment).rpj" }
}

/// How a journal's segments are laid out: a header, then records, all little-endian.
///
/// `header = "RPJ1" | u32 segment | 16 bytes journal id`;
/// `record = u32 length | u32 CRC-32 of the length's bytes and the payload | payload`.
public enum Journal {
  /// The bytes that every segment begins with.
  package static let magic: [UInt8] = Array("RPJ1".utf8)
  /// The bytes of a segment's header.
  public static let headerLength = 24
  /// The bytes before a record's payload.
  public static let prefixLength = 8
  /// The most bytes of a payload; the least is 1.
  public static let maximumRecordLength = 4 << 20
  /// The size past which a recorder opens the next segment.
  ///
  /// Unit: bytes.
  public static let maximumSegmentLength = 16 << 20

  /// The header of a segment.
  public static func header(of segment: SegmentIdentity) -> [UInt8] {
    magic + littleEndian(UInt32(segment.segment)) + segment.journal.bytes
  }

  /// A payload with its length and checksum before it; it must hold 1 byte to 4 MiB.
  public static func frame(payload: [UInt8]) -> [UInt8] {
    precondition((1...maximumRecordLength).contains(payload.count), "a payload has 1 byte to 4 MiB")
    let length = littleEndian(UInt32(payload.count))
    let crc = payload.withUnsafeBytes { payload in
      CRC32.checksum(payload, previous: length.withUnsafeBytes { CRC32.checksum($0) })
    }
    return length + littleEndian(crc) + payload
  }

  private static func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }
}
