import ArgumentParser
import ProbeAnalysis
import ProbeCore
import ProbeDaemon
import ProbeReport
import ProbeStore

/// `report`: what the blocks of one run do.
struct ReportVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Which blocks of a run behave close to the identity.",
    discussion: """
      Examples:
        resnet-probe report
        resnet-probe report --run 42
        resnet-probe report --run "resnet56 digits" --json
        resnet-probe report --epsilon 0.02 --tolerance 0.05
      """)

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The run: its number, uuid or name, or `latest`.", valueName: "run"))
  var selector = "latest"

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Show what papers state of networks like this one.")
  var reference = false

  @OptionGroup(title: "Verdicts") var verdicts: VerdictOptions

  @OptionGroup var options: StoreOptions

  func run() throws {
    let store = try options.openForReading()
    let selected = try store.select(RunSelector(selector))
    if selected.others > 0 { Output.note(Self.note(of: selected, named: selector)) }
    let settings = verdicts.settings
    let judged = try JudgedRun(selected.run, in: store, settings: settings)
    var report = Report(
      history: judged.history, verdicts: judged.verdicts, window: judged.window,
      settings: settings)
    if reference { report.reference = try Self.reference(judged, in: store) }
    try Output.write(json ? JSONRenderer().render(report) : Self.terminal().render(report))
  }

  /// What papers state of networks like a run's.
  private static func reference(_ judged: JudgedRun, in store: Store) throws -> PublishedReference {
    let notes = try store.notes(ofRun: judged.history.run.id)
    return PublishedReference(blocks: judged.history.blocks.map(\.block), metrics: notes.metrics)
  }

  /// What is to be said of a name that several runs have.
  static func note(of selected: SelectedRun, named name: String) -> String {
    let others = selected.others == 1 ? "1 other run has" : "\(selected.others) other runs have"
    return "\(others) the name \(name) too; this is the newest, run \(selected.run.id)"
  }

  /// The renderer for standard output as it is.
  static func terminal() -> TerminalRenderer {
    let terminal = Terminal()
    return TerminalRenderer(width: terminal.width, colour: terminal.hasColour)
  }
}
