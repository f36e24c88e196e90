import ArgumentParser
import ProbeDaemon

/// Where a verb looks for a store's daemon.
struct SocketOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The socket of the store's daemon.", discussion: "Default: <store>.run/socket.",
      valueName: "path"))
  var socket: String?

  /// The socket's path.
  func path(forStore store: String) -> String { socket ?? SocketPlace.path(forStore: store) }
}
