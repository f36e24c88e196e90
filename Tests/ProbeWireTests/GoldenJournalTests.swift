import ProbeCore
import ProbeWire
import Support
import Testing

/// All that a reader makes of a segment's bytes.
struct Reading: Equatable {
  var segment: SegmentIdentity?
  var records: [Record] = []
  var problems: [WireError] = []
  var unknown = 0
  var damage: SegmentReader.Damage?
  var tail = SegmentReader.Tail.whole
  var offset = 0

  init(_ bytes: some Collection<UInt8>, chunk: Int = .max) {
    var reader = SegmentReader()
    var rest = bytes[...]
    repeat {
      reader.append(rest.prefix(chunk))
      rest = rest.dropFirst(chunk)
      reading: while true {
        switch reader.next() {
        case .needsMore: break reading
        case .damaged(let found):
          damage = found
          break reading
        case .opened(let found): segment = found
        case .record(let payload):
          take(payload)
          if isForeign { return }
        }
      }
    } while !rest.isEmpty && damage == nil
    tail = reader.tail
    offset = reader.offset
  }

  /// The header has no checksum: the opening vouches for it, and a segment it disowns is refused.
  private var isForeign: Bool {
    if case .foreignSegment? = problems.last { return true }
    return false
  }

  private mutating func take(_ payload: [UInt8]) {
    do throws(WireError) {
      if let record = try RecordCodec.decode(payload, in: segment!) {
        records.append(record)
      } else {
        unknown += 1
      }
    } catch { problems.append(error) }
  }
}

@Suite struct GoldenJournalTests {
  @Test func `the complete journal reads as the values it was written from`() throws {
    let reading = Reading(try Fixtures.bytes("complete.rpj"))
    #expect(reading.segment == Golden.segment)
    #expect(reading.records == Golden.records)
    #expect(reading.problems.isEmpty && reading.damage == nil && reading.tail == .whole)
  }

  @Test func `writing the same values gives the golden bytes`() throws {
    var bytes = Journal.header(of: Golden.segment)
    for record in Golden.records {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: Golden.segment))
    }
    #expect(bytes == (try Fixtures.bytes("complete.rpj")))
  }

  @Test func `a second segment can be read alone`() throws {
    let reading = Reading(try Fixtures.bytes("second-segment.rpj"))
    #expect(reading.segment?.segment == 1)
    #expect(
      reading.records == [
        .runOpened(Golden.opened), .blockMap(Golden.blocks),
        .frame(Golden.frame(step: 20, gap: 0.03125)),
      ])
  }

  @Test(arguments: [
    ("ablations.rpj", 2, Golden.ablations), ("examinations.rpj", 3, Golden.examinations),
  ])
  func `what was examined reads as the values it was written from, and writes the same bytes`(
    file: String, number: Int, records: [Record]
  ) throws {
    let reading = Reading(try Fixtures.bytes(file))
    #expect(reading.records == [.runOpened(Golden.opened), .blockMap(Golden.blocks)] + records)
    #expect(reading.problems.isEmpty && reading.damage == nil && reading.tail == .whole)
    let segment = SegmentIdentity(journal: Golden.journal, segment: number)
    var bytes = Journal.header(of: segment)
    for record in reading.records {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: segment))
    }
    #expect(bytes == (try Fixtures.bytes(file)))
  }

  @Test func `a cut record ends the journal without damage`() throws {
    let reading = Reading(try Fixtures.bytes("cut.rpj"))
    #expect(reading.records.count == 3 && reading.damage == nil)
    #expect(reading.tail == .cut(bytes: 100))
  }

  @Test func `a zero-filled tail ends the journal without damage`() throws {
    let reading = Reading(try Fixtures.bytes("zero-filled.rpj"))
    #expect(reading.records.count == 3 && reading.damage == nil)
    #expect(reading.tail == .zeroFilled(bytes: 64))
  }

  @Test func `a byte after the zeros makes them damage`() throws {
    let reading = Reading(try Fixtures.bytes("zero-filled.rpj") + [1])
    #expect(reading.records.count == 3 && reading.damage == .zeroLength)
  }

  @Test func `a record of an unknown kind is passed over`() throws {
    let reading = Reading(try Fixtures.bytes("unknown-kind.rpj"))
    #expect(reading.unknown == 1 && reading.records.count == 3)
  }

  @Test(arguments: [1, 3, 7, 64, 1000])
  func `bytes may come in pieces of any size`(chunk: Int) throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    #expect(Reading(bytes, chunk: chunk) == Reading(bytes))
  }

  @Test func `every truncation is read up to the cut`() throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    let whole = Reading(bytes).records
    for length in 0..<bytes.count {
      let reading = Reading(bytes.prefix(length))
      #expect(reading.damage == nil && reading.problems.isEmpty)
      #expect(reading.records == Array(whole.prefix(reading.records.count)))
      #expect(reading.records.count < whole.count)
      switch reading.tail {
      case .whole: #expect(reading.offset == length)
      case .cut(let left), .zeroFilled(let left): #expect(reading.offset + left == length)
      }
    }
  }

  @Test func `every flipped bit is read up to or refused, never read as something else`() throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    let whole = Reading(bytes).records
    for place in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[place] ^= 1 << bit
        let reading = Reading(flipped)
        let isPrefix = reading.records == Array(whole.prefix(reading.records.count))
        #expect(isPrefix, "byte \(place)")
        #expect(reading.records.count < whole.count, "byte \(place) bit \(bit) went unnoticed")
        let hasAccount =
          reading.damage != nil || !reading.problems.isEmpty || reading.tail != .whole
        #expect(hasAccount, "byte \(place) bit \(bit) has no account")
      }
    }
  }
}
