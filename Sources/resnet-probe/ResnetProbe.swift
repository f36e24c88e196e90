import ArgumentParser
import Glibc
import ProbeCore

/// The command: one verb a file, errors to one line and an exit code.
@main
struct ResnetProbe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resnet-probe",
    abstract: "Which residual blocks of a network in training are close to the identity.",
    discussion: """
      A recorder, attached to a training run, measures each block y = x + F(x) into journals; this \
      command takes them into one SQLite store and reports from it.

        resnet-probe demo                      train small networks and report on the last
        resnet-probe serve                     take in what runs measure while they train
        resnet-probe report --run latest       what the blocks of the newest run do
        resnet-probe plan --run latest         which blocks could go together, at what cost
        resnet-probe compare 1 2 3 4           does deeper help?
        resnet-probe query "SELECT * FROM low_gap"

      Environment: RESNET_PROBE_STORE (the store), RESNET_PROBE_SPOOL (the journals' folder).
      Exit codes: 0 done, 1 failure, 2 wrong use, 3 no such run or view.
      """,
    version: Release.version,
    subcommands: [
      DemoVerb.self, ServeVerb.self, ReportVerb.self, PlanVerb.self, CompareVerb.self,
      RunsVerb.self, StatusVerb.self, DoctorVerb.self, IngestVerb.self, QueryVerb.self,
      SchemaVerb.self, TokenVerb.self,
    ])

  static func main() async {
    // A file-size limit shall be an error of a write, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if var daemon = command as? any AsyncParsableCommand {
        try await daemon.run()
      } else {
        try command.run()
      }
    } catch {
      Failure.exit(with: error)
    }
  }
}
