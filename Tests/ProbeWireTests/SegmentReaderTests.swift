import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct SegmentReaderTests {
  private func damage(_ bytes: [UInt8]) -> SegmentReader.Damage? { Reading(bytes).damage }

  @Test func `what is no journal is refused at its first byte`() {
    #expect(damage(Array("SQLite format 3".utf8)) == .notAJournal)
    #expect(damage(Array("RPK".utf8)) == .notAJournal)
    #expect(
      SegmentReader.Damage.notAJournal.description
        == "it does not begin with \"RPJ1\", so it is no resnet-probe journal")
  }

  @Test func `a later format is named`() {
    #expect(damage(Array("RPJ2".utf8)) == .unknownFormat(UInt8(ascii: "2")))
    #expect(
      SegmentReader.Damage.unknownFormat(UInt8(ascii: "2")).description
        == "it is a journal of format 2; this version reads format 1")
  }

  @Test func `a length beyond 4 MiB is damage, not a wish for memory`() {
    let bytes = Journal.header(of: Golden.segment) + [0x01, 0x00, 0x40, 0x00, 0, 0, 0, 0]
    #expect(damage(bytes) == .length(4_194_305))
    #expect(
      SegmentReader.Damage.length(4_194_305).description
        == "a record states 4194305 bytes, more than the 4 MiB allowed")
  }

  @Test func `reading resumes where another reader stood`() throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    var first = SegmentReader()
    first.append(bytes.prefix(400))
    while case let event = first.next(), event != .needsMore {}
    var second = SegmentReader(offset: first.offset)
    second.append(bytes[first.offset...])
    var payloads = 0
    while case .record = second.next() { payloads += 1 }
    #expect(first.offset > 24 && first.offset <= 400)
    #expect(payloads + 2 == Golden.records.count || payloads + 3 == Golden.records.count)
    #expect(second.offset == bytes.count && second.tail == .whole)
  }

  @Test func `file names state journal and segment and nothing else`() {
    let name = "101112131415161718191a1b1c1d1e1f.7.rpj"
    #expect(SegmentIdentity(fileName: name)?.fileName == name)
    for other in [
      "101112131415161718191A1B1C1D1E1F.7.rpj", "101112131415161718191a1b1c1d1e1f.07.rpj",
      "101112131415161718191a1b1c1d1e1f.7.rpj.damaged", "101112131415161718191a1b1c1d1e1f.+7.rpj",
      "../101112131415161718191a1b1c1d1e1f.7.rpj", "10111213-1415-1617-1819-1a1b1c1d1e1f.7.rpj",
      "101112131415161718191a1b1c1d1e1f.99999999999.rpj", ".rpj", "",
    ] {
      #expect(SegmentIdentity(fileName: other) == nil, "\(other)")
    }
  }

  @Test func `the checksum is zlib's`() {
    let check = Array("123456789".utf8)
    #expect(check.withUnsafeBytes { CRC32.checksum($0) } == 0xCBF4_3926)
    let longer = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let parts = longer[..<333].withUnsafeBytes { CRC32.checksum($0) }
    #expect(
      longer[333...].withUnsafeBytes { CRC32.checksum($0, previous: parts) }
        == longer.withUnsafeBytes { CRC32.checksum($0) })
  }
}
