import Glibc
import HTTPTypes
import ProbeCore
import ProbeReport
import ProbeStore

/// How the daemon is, as `/v1/health` tells it.
struct Health {
  let path: String
  let store: Identity
  let file: FileIdentity
  let spool: String?
  let startedAt: Double
  let ledger: IntakeLedger.State
  let queue: (batches: Int, bytes: Int)
  let budget: IntakeBudget

  /// 200 where journals can be taken in, else 503; the body says why.
  func answer(at now: Double) -> Answer {
    let failure = failure
    let members: [(String, Cell)] = [
      ("status", .text(failure == nil ? "ok" : "failing")),
      ("problem", failure.map { .text($0) } ?? .null),
      ("version", .text(Release.version)),
      ("process", .integer(Int64(getpid()))),
      ("started_at", .real(startedAt)),
      ("store", .text(path)),
      ("store_uuid", .text(store.description)),
      ("spool", spool.map { .text($0) } ?? .null),
      ("disk_free_bytes", Self.freeBytes(holding: path)),
      ("spool_disk_free_bytes", spool.map(Self.freeBytes) ?? .null),
      ("last_commit_at", ledger.lastCommitAt.map { .real($0) } ?? .null),
      ("frames", .integer(Int64(ledger.frames))),
      (
        "pending_segments",
        spool.map { .integer(Int64(SpoolListing(of: $0).pending.count)) } ?? .null
      ),
      ("queue_batches", .integer(Int64(queue.batches))),
      ("queue_bytes", .integer(Int64(queue.bytes))),
      ("bodies_bytes", .integer(Int64(budget.inUse))),
      ("bodies_limit_bytes", .integer(Int64(budget.limit))),
    ]
    let table = Table(
      columns: members.map { Table.Column($0.0) }, rows: [members.map(\.1)])
    return Answer(
      failure == nil ? .ok : .serviceUnavailable, json: JSONLinesRenderer.render(table))
  }

  /// What keeps journals from being taken in.
  private var failure: String? {
    if let failure = ledger.failure { return "\(failure); \(failure.hint)" }
    return FileIdentity(at: path) == file
      ? nil : "the store \(path) was deleted or replaced while it was open"
  }

  private static func freeBytes(holding path: String) -> Cell {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return .null }
    return .integer(Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize)))
  }
}
