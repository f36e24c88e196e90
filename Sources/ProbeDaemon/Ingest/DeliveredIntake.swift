public import ProbeStore
import ProbeWire

/// Takes in what a store lacks of the segments that a spool keeps: all of it is there but for a store
/// that is new, or an older copy of itself.
///
/// The caller holds the spool's lock and the store's. Nothing is moved.
public struct DeliveredIntake: Sendable {
  private let folder: String

  /// The intake of a spool folder's `delivered/`, and of what was set aside as damaged.
  public init(folder: String) { self.folder = folder }

  /// Takes in whatever is behind, until `stops` says so, asked before each segment; an account for each
  /// segment that gave something new.
  ///
  /// - Throws: `StoreError` where the store cannot be read or written; what was taken in before stays.
  public func take(
    into store: Store, stops: () -> Bool = { false }
  ) throws(StoreError) -> [SegmentAccount] {
    var accounts: [SegmentAccount] = []
    for (path, file) in SpoolListing.kept(in: folder) where !stops() {
      let known = try store.state(ofSegment: file.segment.segment, in: file.segment.journal)
      guard known.damage == nil, known.offset < file.bytes else { continue }
      var account: SegmentAccount
      repeat {
        account = try SegmentIngest(into: store).take(path, expected: file.segment, stops: stops)
      } while account.end == .overtaken && !stops()
      if account.frames > 0 || account.isFinished { accounts.append(account) }
    }
    return accounts
  }
}
