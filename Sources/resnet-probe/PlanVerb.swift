import ArgumentParser
import ProbeAnalysis
import ProbeCore
import ProbeDaemon
import ProbeReport
import ProbeStore

/// `plan`: which blocks of one run could be left out together, and what that costs.
struct PlanVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Which blocks of a run could be left out together, and what that costs.",
    discussion: """
      The largest set that an examination has shown to stay within the tolerance, and the loss as more \
      and more blocks are dropped in three orders. `resnet_probe.bypass` in Python takes what `--json` \
      prints.

      Examples:
        resnet-probe plan
        resnet-probe plan --run 42 --tolerance 0.05
        resnet-probe plan --run 42 --drop 9 --json > plan.json
      """)

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The run: its number, uuid or name, or `latest`.", valueName: "run"))
  var selector = "latest"

  @Option(
    help: ArgumentHelp(
      "The first so many blocks of the greedy order, whatever they cost.", valueName: "blocks"))
  var drop: Int?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup(title: "Verdicts") var verdicts: VerdictOptions

  @OptionGroup var options: StoreOptions

  func validate() throws {
    if let drop, drop < 1 {
      throw ValidationError("--drop is \(drop): a number of blocks is meant, 1 or more")
    }
  }

  func run() throws {
    let store = try options.openForReading()
    let selected = try store.select(RunSelector(selector))
    if selected.others > 0 { Output.note(ReportVerb.note(of: selected, named: selector)) }
    let settings = verdicts.settings
    let judged = try JudgedRun(selected.run, in: store, settings: settings)
    let plan = Plan(
      history: judged.history, verdicts: judged.verdicts, window: judged.window,
      settings: settings, choice: drop.map { .drop($0) } ?? .withinTolerance)
    let terminal = Terminal()
    try Output.write(
      json
        ? JSONRenderer().render(plan)
        : PlanRenderer(width: terminal.width, colour: terminal.hasColour).render(plan))
  }
}
