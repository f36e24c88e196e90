import GRDB
public import ProbeCore

/// A stretch of one segment, decoded: what an intake hands to the store at a time.
public struct JournalBatch: Sendable {
  /// The journal.
  public var journal: Identity
  /// The segment in it.
  public var segment: Int
  /// The byte of the segment where the stretch begins; what the store must have taken in so far.
  public var from: Int
  /// The byte where it ends.
  public var to: Int
  /// The records in order.
  public var records: [ProbeCore.Record]
  /// The records of the stretch that were passed over before they came here.
  public var rejections = Rejections()
  /// Why nothing after `to` can be read; nil: nothing wrong.
  public var damage: String?

  /// An empty stretch at a byte.
  public init(journal: Identity, segment: Int, from: Int) {
    self.journal = journal
    self.segment = segment
    self.from = from
    to = from
    records = []
  }
}

/// What came of a batch.
public struct AppendOutcome: Sendable, Hashable {
  /// The run that it belongs to.
  public var runID: Int
  /// Everything before this byte of the segment is in the store, durably.
  public var offset: Int
  /// The frames that were added.
  public var frames = 0
  /// The records that were passed over.
  public var rejections = Rejections()
}

extension Store {
  /// Takes in a batch: its rows and the new offset in one transaction, or nothing.
  ///
  /// A batch that does not begin where the store stands changes nothing; the outcome's offset says
  /// where that is. A record that contradicts what its journal said before is passed over and
  /// counted. - Throws: ``StoreError``; one that says the journal claims another's place is
  /// ``StoreError/Kind/refused``.
  public func append(_ batch: JournalBatch) throws(StoreError) -> AppendOutcome {
    try write("write the store") { try Self.append(batch, $0) }
  }

  static func append(_ batch: JournalBatch, _ db: Database) throws -> AppendOutcome {
    let known = try state(batch.journal, batch.segment, db).offset
    var context = try JournalContext(batch.journal, db)
    guard known == batch.from else {
      return AppendOutcome(runID: context?.runID ?? 0, offset: known)
    }
    if context == nil, case .runOpened(let opened)? = batch.records.first {
      context = try JournalContext(opening: opened, journal: batch.journal, db)
    }
    guard let context else {
      throw StoreError(
        .refused, action: "take in journal", subject: batch.journal.description,
        reason: "it does not begin with the opening of a run", hint: "")
    }
    var writer = try FrameWriter(context, db)
    writer.reject(batch.rejections)
    for record in batch.records { try writer.take(record) }
    return try writer.finish(batch)
  }
}
