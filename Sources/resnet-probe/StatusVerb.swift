import ArgumentParser
import Glibc
import ProbeCore
import ProbeDaemon
import ProbeReport
import ProbeStore
import ProbeWire

/// `status`: what waits where, and which runs live.
struct StatusVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the store, the spool and the runs that have not ended; changes nothing.",
    discussion: """
      Examples:
        resnet-probe status
        resnet-probe status --json
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: StoreOptions

  func run() throws {
    let status = try Status(store: try options.path(), spool: options.spoolPath)
    try Output.write(json ? JSONArrayRenderer.render(status.json) : status.text)
  }
}

/// What `status` says.
struct Status {
  private let path: String
  private let spool: String?
  private let isThere: Bool
  private let runs: [RunSummary]
  private let now = Double(time(nil))
  /// The process that takes journals in; nil while none does.
  private let holder: Int?
  private let listing: SpoolListing
  private let unread: Int

  /// Looks at a store and a spool.
  ///
  /// - Throws: `StoreError` for a store that cannot be read.
  init(store path: String, spool: String?) throws(StoreError) {
    self.path = path
    self.spool = spool
    listing = spool.map { SpoolListing(of: $0) } ?? SpoolListing(of: "")
    var store: Store?
    do throws(StoreError) { store = try Store.openForReading(at: path) } catch {
      guard error.kind == .noStore else { throw error }
    }
    isThere = store != nil
    runs = try store?.runs() ?? []
    holder = StoreLock.holder(of: "\(path).lock")
    var unread = 0
    for file in listing.pending {
      let known = try store?.offset(ofSegment: file.segment.segment, in: file.segment.journal) ?? 0
      unread += max(0, file.bytes - known)
    }
    self.unread = unread
  }

  private var open: [RunSummary] { runs.filter { $0.status == nil } }

  /// For people.
  var text: String {
    var lines = ["Store   \(PrintableText.escape(path))"]
    lines.append("        \(isThere ? Words.count(runs.count, "run") : "not there yet")")
    lines.append(
      "Writer  \(holder.map { "process \($0) takes journals in" } ?? "none: verbs that read the default store take journals in")"
    )
    if let spool {
      lines.append("Spool   \(PrintableText.escape(spool))")
      lines.append(
        "        \(Words.count(listing.pending.count, "segment")) pending, \(bytes(unread)) unread; "
          + "\(bytes(listing.deliveredBytes)) delivered")
      for name in listing.damaged { lines.append("        damaged: \(PrintableText.escape(name))") }
    }
    for run in open {
      let state = run.state(at: now)
      let step = run.lastStep.map { "step \($0)" } ?? "no step"
      lines.append(
        "Run     \(run.id) \(PrintableText.escape(run.name)) \(state.rawValue) at \(step), "
          + "last heard of \(Timestamp.format(run.lastSeenAt))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// For scripts: one object.
  var json: Table {
    Table(
      columns: [
        "store", "exists", "runs", "running", "stale", "writer_process", "spool",
        "pending_segments", "unread_bytes", "delivered_bytes", "damaged_segments",
      ].map { Table.Column($0) },
      rows: [
        [
          .text(path), .integer(isThere ? 1 : 0), whole(runs.count),
          whole(open.count { $0.state(at: now) == .running }),
          whole(open.count { $0.state(at: now) == .stale }), holder.map(whole) ?? .null,
          spool.map { .text($0) } ?? .null, whole(listing.pending.count), whole(unread),
          whole(listing.deliveredBytes), whole(listing.damaged.count),
        ]
      ])
  }

  private func whole(_ value: Int) -> Cell { .integer(Int64(value)) }

  private func bytes(_ count: Int) -> String {
    count < 1000
      ? "\(count) B"
      : count < 1_000_000
        ? "\(Number.format(Double(count) / 1e3)) kB"
        : "\(Number.format(Double(count) / 1e6)) MB"
  }
}
