import ArgumentParser
import Glibc
import ProbeCore
import ProbeDaemon
import ProbeRecorder
import ProbeReport
import ProbeStore

/// `doctor`: what could keep measurements from the store, and what to do.
struct DoctorVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check environment, store, spool and disk, and say what to do; changes nothing.",
    discussion: """
      Reads the whole store. Exit code 1 if something is wrong.

      Examples:
        resnet-probe doctor
        resnet-probe doctor --json
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var daemon: SocketOption

  @OptionGroup var options: StoreOptions

  func run() throws {
    let path = try options.path()
    var checks = StoreChecks(path: path, socket: daemon.path(forStore: path)).all
    if let spool = options.spoolPath { checks += SpoolChecks(folder: spool).all }
    checks += Check.environment
    if json {
      let table = Table(
        columns: ["check", "state", "words", "hint"].map { Table.Column($0) },
        rows: checks.map {
          [.text($0.name), .text($0.state.rawValue), .text($0.words), .text($0.hint)]
        })
      try Output.write(JSONArrayRenderer.render(table))
    } else {
      try Output.write(checks.map(\.line).joined())
    }
    if checks.contains(where: { $0.state == .wrong }) {
      throw ExitCode(Failure.Code.failed.rawValue)
    }
  }
}

/// One thing that was looked at.
struct Check {
  /// What was found.
  enum State: String {
    case ok
    case warning
    case wrong
  }

  var name: String
  var state: State
  var words: String
  var hint = ""

  /// For people: state, name and words, with a hint where there is one.
  var line: String {
    let mark = state.rawValue + String(repeating: " ", count: 9 - state.rawValue.count)
    let name = self.name + String(repeating: " ", count: max(1, 14 - self.name.count))
    return "\(mark)\(name)\(PrintableText.escape(Failure.joined(words, hint)))\n"
  }

  /// The variables that the recorder reads.
  static var environment: [Check] {
    var checks: [Check] = []
    if let limit = Environment.value("RESNET_PROBE_SPOOL_LIMIT"), Int(limit) == nil {
      checks.append(
        Check(
          name: "environment", state: .wrong,
          words: "RESNET_PROBE_SPOOL_LIMIT is \(limit), no number of bytes",
          hint: "recorders use 2 GiB; set it to a number or unset it"))
    }
    if let id = Environment.value("RESNET_PROBE_RUN_ID") {
      let isIdentity = Identity(id) != nil
      checks.append(
        Check(
          name: "environment", state: isIdentity ? .warning : .wrong,
          words: isIdentity
            ? "RESNET_PROBE_RUN_ID is set: every recorder started here continues one run"
            : "RESNET_PROBE_RUN_ID is no identity, so recorders refuse to open",
          hint: isIdentity
            ? "unset it unless that is wanted" : "set it to 32 hexadecimal digits or unset it"))
    }
    return checks
  }

  /// The room on the disk that holds a path.
  static func disk(_ name: String, holding path: String) -> Check {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else {
      return Check(name: name, state: .warning, words: "the free space cannot be read")
    }
    let free = Double(status.f_bavail) * Double(status.f_frsize)
    let words = "\(Number.format(free / 1e9)) GB free on its disk"
    guard free >= 16e6 else {
      return Check(
        name: name, state: .wrong, words: words, hint: "free some: nothing fits any more")
    }
    return free < 1e9
      ? Check(
        name: name, state: .warning, words: words,
        hint: "free some: frames that find no room are dropped")
      : Check(name: name, state: .ok, words: words)
  }
}
