import ArgumentParser
import ProbeAnalysis
import ProbeCore
import ProbeDaemon
import ProbeReport
import ProbeStore

/// `compare`: what depth did, over several runs.
struct CompareVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Does deeper help? Sets several runs beside each other.",
    discussion: """
      Training loss against depth for plain and residual networks, gap and ratio along the depth, and \
      whether what is seen is degradation, overfitting, exploding or vanishing gradients, or divergence.

      Examples:
        resnet-probe compare 1 2 3 4
        resnet-probe compare plain-20 plain-56 resnet-20 resnet-56
        resnet-probe compare 12 latest --json
      """)

  /// The most runs that are compared at a time.
  static let mostRuns = 32

  @Argument(
    help: ArgumentHelp(
      "The runs, 2 to 32: their numbers, uuids or names, or `latest`.", valueName: "run"))
  var runs: [String] = []

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: StoreOptions

  func validate() throws {
    guard (2...Self.mostRuns).contains(runs.count) else {
      throw ValidationError(
        "name 2 to \(Self.mostRuns) runs to compare, not \(runs.count)")
    }
  }

  func run() throws {
    let store = try options.openForReading()
    var selected: [RunSummary] = []
    var repeated: [Int] = []
    for name in runs {
      let found = try store.select(RunSelector(name))
      if found.others > 0 { Output.note(ReportVerb.note(of: found, named: name)) }
      if let place = selected.firstIndex(where: { $0.id == found.run.id }) {
        if !repeated.contains(place) { repeated.append(place) }
      } else {
        selected.append(found.run)
      }
    }
    guard selected.count > 1 else {
      throw StoreError(
        .refused, action: "compare", subject: "", reason: "all names mean run \(selected[0].id)",
        hint: "name another run; `resnet-probe runs` lists them")
    }
    // One history at a time: of each only what is compared stays in memory.
    let compared = try selected.map { run throws(StoreError) in
      let judged = try JudgedRun(run, in: store, settings: VerdictSettings())
      let notes = try store.notes(ofRun: run.id)
      return ComparedRun(judged.history, window: judged.window, notes: notes)
    }
    let comparison = Comparison(compared, repeated: repeated)
    let terminal = Terminal()
    try Output.write(
      json
        ? JSONRenderer().render(comparison)
        : ComparisonRenderer(width: terminal.width, colour: terminal.hasColour).render(comparison))
  }
}
