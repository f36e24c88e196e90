import ArgumentParser
import Glibc
import ProbeDaemon
import ProbeReport
import ProbeStore

/// `ingest`: take journals into a store.
struct IngestVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Take journal files into the store; what is there already is passed over.",
    discussion: """
      The files stay where they are. Without files, what is pending in the spool is taken in, and \
      what the store lacks of what was delivered; with files the spool is left alone.

      Examples:
        resnet-probe ingest run/*.rpj
        resnet-probe ingest --store lab.sqlite copied-spool/*.rpj
      """)

  @Argument(help: ArgumentHelp("Journal segments (.rpj).", valueName: "file"))
  var files: [String] = []

  @OptionGroup var options: StoreOptions

  func run() throws {
    let socket = SocketPlace.path(forStore: try options.path())
    if let daemon = Health(ofDaemonAt: socket) {
      guard files.isEmpty, daemon.spool == options.spoolPath else {
        throw StoreError(
          .failed, action: "take journals into", subject: daemon.store,
          reason: "its daemon (process \(daemon.process)) does that",
          hint: "move them into its spool, or send them to \(socket)")
      }
      return Output.note("the daemon (process \(daemon.process)) takes the spool in")
    }
    let accounts = files.isEmpty ? try takeSpool() : try takeFiles()
    var isFailure = false
    for account in accounts {
      account.remarks.forEach(Output.note)
      isFailure = isFailure || account.isFailure
    }
    let frames = accounts.reduce(0) { $0 + $1.frames }
    let taken = accounts.count { $0.runID != nil }
    let path = try options.path()
    let words = "\(count(frames, "new frame")) from \(count(taken, "segment")) in \(path)"
    try Output.write(PrintableText.escape(words) + "\n")
    if isFailure { throw ExitCode(Failure.Code.failed.rawValue) }
  }

  private func takeSpool() throws -> [SegmentAccount] {
    guard let spool = options.spoolPath else {
      throw ValidationError("name the journals, or their folder with --spool")
    }
    guard Folder.exists(spool) else { return [] }
    let account = try Pending(spool: spool, includesDelivered: true).take(
      into: try options.path(), makesFolder: options.isDefault, waiting: 10)
    guard let account else { throw busy(spool) }
    return account.segments
  }

  private func takeFiles() throws -> [SegmentAccount] {
    let path = try options.path()
    let accounts = try StoreOpening.withWriter(path, makesFolder: options.isDefault, waiting: 10) {
      store throws(StoreError) in
      var accounts: [SegmentAccount] = []
      for file in files { accounts.append(try SegmentIngest(into: store).take(file)) }
      let runs = Set(accounts.compactMap(\.runID)).union(try store.runsWithVerdictsDue())
      try VerdictUpdate.update(runs, in: store)
      return accounts
    }
    guard let accounts else { throw busy(path) }
    return accounts
  }

  private func busy(_ path: String) -> StoreError {
    StoreError(
      .failed, action: "write", subject: path, reason: "another process is taking journals in",
      hint: "run the command again when it is done")
  }

  private func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}
