import ArgumentParser
import Glibc
import ProbeCore
import ProbeReport
import ProbeStore

/// `runs`: what is in a store.
struct RunsVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "List the runs of a store, the newest first.",
    discussion: """
      Examples:
        resnet-probe runs
        resnet-probe runs --project demo --status completed --since 2h
        resnet-probe runs --json
      """)

  @Flag(help: "Print a JSON array.")
  var json = false

  @OptionGroup var filter: RunFilter

  @OptionGroup var options: StoreOptions

  func run() throws {
    let runs: [RunSummary]
    do throws(StoreError) { runs = try options.openForReading().runs() } catch {
      guard error.kind == .notFound else { throw error }
      runs = []
      if !json { Output.note(Failure.joined(error.description, error.hint)) }
    }
    let now = Double(time(nil))
    let shown = runs.filter { filter.shows($0, at: now) }
    if json {
      try Output.write(JSONArrayRenderer.render(RunsTable.json(shown, at: now)))
    } else if !shown.isEmpty {
      let terminal = Terminal()
      let renderer = TableRenderer(width: terminal.width, colour: terminal.hasColour)
      let isNarrow = terminal.width.map { $0 < 100 } ?? false
      try Output.write(renderer.render(Self.table(shown, at: now, isNarrow: isNarrow)))
    }
  }

  /// What fits a person's terminal; a narrow one goes without project and loss.
  private static func table(_ runs: [RunSummary], at now: Double, isNarrow: Bool) -> Table {
    typealias Field = (column: Table.Column, cell: (RunSummary) -> Cell)
    var fields: [Field] = [
      (.init("run"), { .integer(Int64($0.id)) }), (.init("name"), { .text($0.name) }),
      (.init("project"), { .text($0.project) }),
      (.init("status"), { .text($0.state(at: now).rawValue) }),
      (.init("started"), { .text("\(Timestamp.format($0.startedAt).prefix(16))Z") }),
      (.init("step"), { $0.lastStep.map { .integer(Int64($0)) } ?? .null }),
      (.init("blocks"), { .integer(Int64($0.blocks)) }),
      (.init("identity"), { .integer(Int64($0.identityBlocks)) }),
      (
        .init("batch loss", alignment: .decimal),
        { $0.loss.map { .text(Number.format($0)) } ?? .null }
      ),
    ]
    if isNarrow { fields.removeAll { ["project", "batch loss"].contains($0.column.name) } }
    return Table(
      columns: fields.map(\.column), rows: runs.map { run in fields.map { $0.cell(run) } })
  }
}
