import ProbeStore
import ProbeWire

/// One body on its way into the store: while a batch of it is committed the next is decoded.
struct BodyIntake {
  /// Everything before this byte of the segment is durable.
  private(set) var durable: Int
  /// The frames that were new.
  private(set) var frames = 0
  /// The records that were passed over.
  private(set) var rejectedRecords = 0
  private let segment: SegmentIdentity
  private var decoder: SegmentDecoder
  /// The segment's first bytes, while they are still to be looked at; nil: not in this body.
  private var head: [UInt8]?
  /// How many of the body's next bytes the store has already.
  private var known: Int
  /// The batch that is being committed, and where it ends.
  private var pending: (ticket: CommitTicket, end: Int)?

  init(_ segment: SegmentIdentity, from offset: Int, known: SegmentState) {
    self.segment = segment
    durable = known.offset
    self.known = known.offset - offset
    head = offset == 0 && known.offset > 0 ? [] : nil
    decoder = SegmentDecoder(segment, from: known.offset)
  }

  /// Takes in the bytes that follow; false where the rest would be in vain.
  mutating func take(_ bytes: [UInt8], into writer: StoreWriter) async throws -> Bool {
    try checkHead(bytes)
    let skipped = min(known, bytes.count)
    known -= skipped
    decoder.append(bytes.dropFirst(skipped))
    while true {
      switch decoder.decode() {
      case .needsMore: return true
      case .full: guard try await flush(into: writer) else { return false }
      case .damaged(let damage):
        try await finish(into: writer)
        throw Problem.damaged(damage.description, at: durable)
      case .foreign(let reason):
        _ = try await settle()
        throw Problem.damaged(reason, at: durable)
      }
    }
  }

  /// Commits what is left and waits for all of it.
  mutating func finish(into writer: StoreWriter) async throws {
    if try await flush(into: writer) { _ = try await settle() }
  }

  /// Hands over the batch so far, once the one before is durable; false where another body of the
  /// segment was first.
  private mutating func flush(into writer: StoreWriter) async throws -> Bool {
    guard try await settle() else { return false }
    guard let batch = decoder.takeBatch() else { return true }
    pending = (try await writer.submit(batch, bytes: batch.to - batch.from), batch.to)
    return true
  }

  /// Waits for the batch that is being committed; false where it was not the one that the store waited for.
  private mutating func settle() async throws -> Bool {
    guard let (ticket, end) = pending else { return true }
    pending = nil
    let outcome: AppendOutcome
    do throws(DaemonError) { outcome = try await ticket.outcome() } catch {
      guard case .store(let failure) = error, failure.kind == .refused else { throw error }
      // What the rows break will break again: to the client it is a segment to set aside.
      throw Problem.damaged("\(failure)", at: durable)
    }
    durable = outcome.offset
    frames += outcome.frames
    rejectedRecords += outcome.rejections.count
    return outcome.offset == end
  }

  /// A known part is skipped, but not if it is another segment's.
  private mutating func checkHead(_ bytes: [UInt8]) throws(Problem) {
    guard head != nil else { return }
    head! += bytes.prefix(Journal.headerLength - head!.count)
    var reader = SegmentReader()
    reader.append(head!)
    switch reader.next() {
    case .needsMore: return
    case .opened(segment): head = nil
    case .opened(let stated):
      throw .damaged("its header says \(stated.fileName), not \(segment.fileName)", at: durable)
    case .damaged(let damage): throw .damaged(damage.description, at: durable)
    case .record: preconditionFailure("a segment begins with its header")
    }
  }
}
