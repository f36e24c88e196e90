import HTTPTypes
import HummingbirdCore
import NIOCore
import ProbeCore
import ProbeStore
import ProbeWire

/// Takes in the bytes of one segment as they arrive over HTTP, from where the store stands.
struct JournalIntake: Sendable {
  /// The longest body: a whole segment.
  ///
  /// Unit: bytes.
  static let longestBody = Journal.maximumSegmentLength
  /// What a body takes of the budget at most: a batch that is committed while the next is decoded, or one
  /// record of the greatest length.
  ///
  /// Unit: bytes.
  static let workingSet =
    max(2 * SegmentDecoder.batchBytes, Journal.maximumRecordLength) + (1 << 18)

  let store: Identity
  /// A connection of its own, so that asking for an offset waits for nobody.
  let offsets: Store
  let writer: StoreWriter
  let budget: MemoryBudget

  /// Takes in a body that begins at byte `offset` of the segment; `length` is what it says of its
  /// size, nil where it does not.
  ///
  /// An empty body asks how far the segment is. - Throws: ``Problem``, ``DaemonError``, `StoreError`,
  /// or what reading the body throws; what was durable before stays.
  func take(
    _ segment: SegmentIdentity, from offset: Int, length: Int?, body: RequestBody
  ) async throws -> Answer {
    guard length ?? 0 <= Self.longestBody else { throw Self.tooLong }
    let known = try offsets.state(ofSegment: segment.segment, in: segment.journal)
    guard length != 0 else { return try self.answer(known) }
    guard offset <= known.offset else {
      var problem = Problem(
        .conflict, "byte \(offset) is beyond what is known of the segment: byte \(known.offset)")
      problem.offset = known.offset
      throw problem
    }
    var loan = budget.loan(atMost: Self.workingSet)
    var intake = BodyIntake(segment, from: offset, known: known)
    var received = 0
    for try await piece in body {
      received += piece.readableBytes
      guard received <= Self.longestBody else { throw Self.tooLong }
      try loan.grow(by: piece.readableBytes)
      guard try await intake.take(Array(piece.readableBytesView), into: writer) else { break }
    }
    try await intake.finish(into: writer)
    return answer(intake)
  }

  static let tooLong = Problem(
    .contentTooLarge,
    "a body holds at most \(longestBody) bytes; ask for the offset, and send the segment in pieces from there on"
  )

  private func answer(_ known: SegmentState) throws(Problem) -> Answer {
    if let damage = known.damage { throw .damaged(damage, at: known.offset) }
    return Answer(json: "{\"store\": \"\(store)\", \"offset\": \(known.offset)}\n")
  }

  private func answer(_ intake: BodyIntake) -> Answer {
    Answer(
      json: """
        {"store": "\(store)", "offset": \(intake.durable), "frames": \(intake.frames), \
        "rejected_records": \(intake.rejectedRecords)}

        """)
  }
}

extension Problem {
  /// Nothing of a segment after `offset` can be read: the client sets it aside and goes on with the next.
  static func damaged(_ reason: String, at offset: Int) -> Problem {
    var problem = Problem(.unprocessableContent, reason)
    problem.offset = offset
    return problem
  }
}
