import GRDB
public import ProbeCore

/// How far a segment is in the store.
public struct SegmentState: Sendable, Hashable {
  /// Everything before this byte is in the store; 0 where nothing is known of the segment.
  public var offset: Int
  /// Why nothing after it can be read; nil: nothing wrong.
  public var damage: String?
}

extension Store {
  /// Whether a journal's recorder has said its last word; false for a journal that is not known.
  public func hasFinished(journal: Identity) throws(StoreError) -> Bool {
    try read("read the store") { db in
      try Bool.fetchOne(
        db,
        sql: "SELECT finished_at IS NOT NULL FROM journal WHERE uuid = ?",
        arguments: [journal.description]) ?? false
    }
  }

  /// How far a segment is, and whether it ended in damage.
  public func state(
    ofSegment segment: Int, in journal: Identity
  ) throws(StoreError) -> SegmentState {
    try read("read the store") { try Self.state(journal, segment, $0) }
  }

  static func state(_ journal: Identity, _ segment: Int, _ db: Database) throws -> SegmentState {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT s.offset, s.damage FROM journal_segment AS s JOIN journal AS j ON j.id = s.journal_id
        WHERE j.uuid = ? AND s.segment = ?
        """, arguments: [journal.description, segment])
    return SegmentState(offset: row?[0] ?? 0, damage: row?[1])
  }
}
