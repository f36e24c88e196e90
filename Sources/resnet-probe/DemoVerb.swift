import ArgumentParser
import DigitsTrainer
import Glibc
import ProbeCore
import ProbeDaemon
import ProbeRecorder
import ProbeReport
import ProbeStore

/// `demo`: real networks trained on real data with the recorder attached, and what comes of it.
struct DemoVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Train six small networks on handwritten digits, record them and report on the last.",
    discussion: """
      Plain networks of 2 and 8 blocks, residual ones of 2, 8 and 16, and a residual one of 16 whose \
      blocks 3, 7 and 11 are held at identity. Everything goes into the store under the project \
      `demo`; with another --store the journals go to `<store>.spool`.
      """)

  @OptionGroup var options: StoreOptions

  func run() throws {
    let path = try options.path()
    guard let spool = options.spool ?? (options.isDefault ? Spool.default.path : path + ".spool")
    else {
      throw ValidationError("name a folder for the journals with --spool")
    }
    // Whatever is wrong with the store shall be known before a minute of training.
    _ = try StoreOpening.withWriter(path, makesFolder: options.isDefault, waiting: 0) { _ in }

    let digits = DigitsSplit.standard
    var lines: [DemoNetwork.Outcome] = []
    for network in DemoNetwork.all {
      let outcome = try network.train(
        on: digits, spool: Spool(path: spool, limit: Spool.default.limit))
      lines.append(outcome)
      let account = try Pending(spool: spool).take(
        into: path, makesFolder: options.isDefault, waiting: 0)
      account?.segments.filter(\.isFailure).flatMap(\.remarks).forEach(Output.note)
      if account == nil { awaitOther(outcome.run, in: path) }
    }
    let store = try Store.openForReading(at: path)
    try Output.write(try report(lines, in: store))
  }

  /// Waits, for at most half a minute, until whoever takes journals in has taken in a whole run.
  private func awaitOther(_ run: Identity, in path: String) {
    for _ in 0..<600 {
      let store = try? Store.openForReading(at: path)
      let found = try? store?.select(RunSelector(run.description)).run
      if found?.status == .completed { return }
      usleep(50_000)
    }
    Output.note("another process takes journals in, but has not taken in run \(run) yet")
  }

  private func report(_ outcomes: [DemoNetwork.Outcome], in store: Store) throws -> String {
    let settings = VerdictSettings()
    var table = Table(
      columns: ["run", "network", "blocks", "training loss", "training accuracy", "median gap"]
        .map { Table.Column($0) })
    var last: JudgedRun?
    for outcome in outcomes {
      let run = try store.select(RunSelector(outcome.run.description)).run
      let judged = try JudgedRun(run, in: store, settings: settings)
      table.append([
        .integer(Int64(run.id)), .text(outcome.name), .integer(Int64(run.blocks)),
        .text(Number.format(outcome.training.loss)),
        .text(Number.format(100 * outcome.training.accuracy, significant: 4) + " %"),
        .text(judged.medianGap.map { Number.format($0) } ?? ""),
      ])
      last = judged
    }
    guard let last else { return "" }
    let report = Report(
      history: last.history, verdicts: last.verdicts, window: last.window, settings: settings)
    let terminal = Terminal()
    let renderer = TableRenderer(width: terminal.width, colour: terminal.hasColour)
    let id = last.history.run.id
    // As a shell reads it in quotes; what cannot be printed cannot be pasted either.
    let quoted =
      "'\(PrintableText.escape(store.path).split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    let option = options.isDefault ? "" : " --store \(quoted)"
    return """
      \(ReportVerb.terminal().render(report))
      \(renderer.render(table))
      \(degradation(outcomes))

      The store: \(PrintableText.escape(store.path))
      Ask it:
        resnet-probe query\(option) "SELECT name, verdict, identity_gap_p50 FROM block_latest WHERE run_id = \(id)"
        sqlite3 \(quoted) "SELECT step, loss FROM run_step WHERE run_id = \(id)"

      """
  }
}

extension DemoVerb {
  /// What depth did to the training loss of the plain and of the residual networks.
  private func degradation(_ outcomes: [DemoNetwork.Outcome]) -> String {
    let losses = Dictionary(uniqueKeysWithValues: outcomes.map { ($0.name, $0.training.loss) })
    func growth(_ family: String) -> String {
      guard let shallow = losses["\(family)-2"], let deep = losses["\(family)-8"] else {
        return "?"
      }
      return Number.format(deep / shallow, significant: 2)
    }
    return """
      From 2 to 8 blocks the training loss grows by a factor of \(growth("plain")) in the plain networks
      and of \(growth("residual")) in the residual ones: degradation (He et al. 2015), one seed each.
      """
  }
}

extension JudgedRun {
  /// The median over the blocks of their median gap at the last step.
  fileprivate var medianGap: Double? {
    let gaps = history.blocks.compactMap { $0.latest?.statistics.identityGap.p50 }.sorted()
    guard !gaps.isEmpty else { return nil }
    let middle = gaps.count / 2
    return gaps.count.isMultiple(of: 2) ? (gaps[middle - 1] + gaps[middle]) / 2 : gaps[middle]
  }
}
