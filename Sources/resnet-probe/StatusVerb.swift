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
    abstract:
      "Show the store, its daemon, the spool and the runs that have not ended; changes nothing.",
    discussion: """
      Examples:
        resnet-probe status
        resnet-probe status --json
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var daemon: SocketOption

  @OptionGroup var options: StoreOptions

  func run() throws {
    let store = try options.path()
    let status = try Status(
      store: store, spool: options.spoolPath, socket: daemon.path(forStore: store))
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
  private let socket: String
  /// What the daemon says of itself; nil where none answers.
  private let daemon: Health?
  private let listing: SpoolListing
  private let deliveredBytes: Int
  private let unread: Int

  /// Looks at a store, its daemon and a spool.
  ///
  /// - Throws: `StoreError` for a store that cannot be read.
  init(store path: String, spool: String?, socket: String) throws(StoreError) {
    self.path = path
    self.spool = spool
    self.socket = socket
    daemon = Health(ofDaemonAt: socket)
    listing = spool.map { SpoolListing(of: $0) } ?? SpoolListing(of: "")
    deliveredBytes = spool.map(SpoolListing.deliveredBytes) ?? 0
    var store: Store?
    do throws(StoreError) { store = try Store.openForReading(at: path) } catch {
      guard error.kind == .noStore else { throw error }
    }
    isThere = store != nil
    runs = try store?.runs() ?? []
    holder = StoreLock.holder(of: "\(path).lock")
    var unread = 0
    for file in listing.pending {
      let known =
        try store?.state(ofSegment: file.segment.segment, in: file.segment.journal).offset ?? 0
      unread += max(0, file.bytes - known)
    }
    self.unread = unread
  }

  private var open: [RunSummary] { runs.filter { $0.status == nil } }

  /// For people.
  var text: String {
    var lines = ["Store   \(PrintableText.escape(path))"]
    lines.append("        \(isThere ? Words.count(runs.count, "run") : "not there yet")")
    lines += writer
    if let spool {
      lines.append("Spool   \(PrintableText.escape(spool))")
      lines.append(
        "        \(Words.count(listing.pending.count, "segment")) pending, \(bytes(unread)) unread; "
          + "\(bytes(deliveredBytes)) delivered")
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

  /// Who takes journals in.
  private var writer: [String] {
    guard let daemon else {
      guard let holder else {
        let others = spool == nil ? "" : ": verbs that read the default store take journals in"
        return ["Writer  none\(others)"]
      }
      return [
        "Writer  process \(holder) holds the store; no daemon answers at \(PrintableText.escape(socket))"
      ]
    }
    let since = Timestamp.format(daemon.startedAt)
    let last = daemon.lastCommitAt.map { ", the last at \(Timestamp.format($0))" } ?? ""
    var lines = [
      "Daemon  process \(daemon.process) since \(since), at \(PrintableText.escape(socket))",
      "        \(Words.count(daemon.frames, "new frame"))\(last)",
    ]
    if let url = daemon.url {
      lines.insert("        on the network at \(PrintableText.escape(url))", at: 1)
    }
    if let problem = daemon.problem {
      lines.append("        failing: \(PrintableText.escape(problem))")
    }
    return lines
  }

  /// For scripts: one object.
  var json: Table {
    Table(
      columns: [
        "store", "exists", "runs", "running", "stale", "writer_process", "socket",
        "url", "daemon_status", "daemon_problem", "last_commit_at", "spool", "pending_segments",
        "unread_bytes", "delivered_bytes", "damaged_segments",
      ].map { Table.Column($0) },
      rows: [
        [
          .text(path), .integer(isThere ? 1 : 0), whole(runs.count),
          whole(open.count { $0.state(at: now) == .running }),
          whole(open.count { $0.state(at: now) == .stale }), holder.map(whole) ?? .null,
          .text(socket), daemon?.url.map { .text($0) } ?? .null,
          daemon.map { .text($0.status.rawValue) } ?? .null,
          daemon?.problem.map { .text($0) } ?? .null,
          daemon?.lastCommitAt.map { .real($0) } ?? .null, spool.map { .text($0) } ?? .null,
          whole(listing.pending.count), whole(unread),
          whole(deliveredBytes), whole(listing.damaged.count),
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
