import ArgumentParser
import Glibc

/// The command: one verb a file, errors to one line and an exit code.
@main
struct ResnetProbe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resnet-probe",
    abstract: "Which residual blocks of a network in training are close to the identity.",
    discussion: """
      A recorder, attached to a training run, measures each block y = x + F(x) into journals; this \
      command takes them into one SQLite store and reports from it.

        resnet-probe demo                      train small networks and report on the last
        resnet-probe report --run latest       what the blocks of the newest run do
        resnet-probe query "SELECT * FROM low_gap"

      Environment: RESNET_PROBE_STORE (the store), RESNET_PROBE_SPOOL (the journals' folder).
      Exit codes: 0 done, 1 failure, 2 wrong use, 3 no such run or view.
      """,
    version: "0.1.0",
    subcommands: [
      DemoVerb.self, ReportVerb.self, RunsVerb.self, StatusVerb.self, DoctorVerb.self,
      IngestVerb.self, QueryVerb.self, SchemaVerb.self,
    ])

  static func main() {
    // A file-size limit shall be an error of a write, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      Failure.exit(with: error)
    }
  }
}
