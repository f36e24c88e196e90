public import ArgumentParser
import Glibc
public import ProbeCore

/// Which runs a list shows.
struct RunFilter: ParsableArguments {
  @Option(help: ArgumentHelp("Only runs of this project.", valueName: "project"))
  var project: String?

  @Option(help: "Only runs that stand so; stale: not ended, but silent for long.")
  var status: RunState?

  @Option(
    help: ArgumentHelp(
      "Only runs heard of since: 90s, 30m, 12h, 7d, or a day as 2026-11-24 (UTC).",
      valueName: "when"))
  var since: Since?

  /// Whether a run is shown at a time.
  func shows(_ run: RunSummary, at now: Double) -> Bool {
    (project.map { $0 == run.project } ?? true)
      && (status.map { $0 == run.state(at: now) } ?? true)
      && (since.map { run.lastSeenAt >= $0.start(at: now) } ?? true)
  }
}

extension RunState: ExpressibleByArgument {}

/// A moment as a user writes it: so long ago, or a day.
enum Since: ExpressibleByArgument, Equatable {
  /// So many seconds ago.
  case ago(seconds: Double)
  /// The start of a day, in seconds since 1970.
  case day(start: Double)

  init?(argument: String) {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    if let unit = argument.last.flatMap({ units[$0] }), let number = Double(argument.dropLast()),
      number.isFinite, number >= 0
    {
      self = .ago(seconds: number * unit)
      return
    }
    let parts = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) }
    guard argument.utf8.count == 10, parts.count == 3, let year = parts[0], let month = parts[1],
      let day = parts[2], (1970...9999).contains(year), (1...12).contains(month),
      (1...31).contains(day)
    else { return nil }
    var fields = tm()
    (fields.tm_year, fields.tm_mon, fields.tm_mday) = (year - 1900, month - 1, day)
    self = .day(start: Double(timegm(&fields)))
  }

  /// The moment in seconds since 1970.
  func start(at now: Double) -> Double {
    switch self {
    case .ago(let seconds): now - seconds
    case .day(let start): start
    }
  }
}
