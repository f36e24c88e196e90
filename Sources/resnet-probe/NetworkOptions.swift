import ArgumentParser
import ProbeDaemon

/// Where the daemon listens on the network.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Listen on the network too, as 127.0.0.1:8443, [::]:8443 or host:0; needs --token-file, and "
        + "beyond this machine TLS.",
      valueName: "host:port"),
    transform: Self.address)
  var listen: ListenAddress?

  @Option(
    help: ArgumentHelp(
      "The tokens that requests over the network have to bear, one a line; mode 0600.",
      valueName: "file"))
  var tokenFile: String?

  @Option(
    help: ArgumentHelp(
      "The TLS certificate, and those that vouch for it, in PEM.", valueName: "file"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The certificate's key in PEM; mode 0600.", valueName: "file"))
  var tlsKey: String?

  @Option(
    name: .customLong("host"),
    help: ArgumentHelp(
      "Another name that requests may give the daemon in Host, beside those of its certificate.",
      valueName: "name"))
  var hosts: [String] = []

  /// What the options say together; nil: nothing.
  func network() throws -> Daemon.Network? {
    guard let listen else {
      for (name, isGiven) in [
        ("--token-file", tokenFile != nil), ("--tls-certificate", tlsCertificate != nil),
        ("--tls-key", tlsKey != nil), ("--host", !hosts.isEmpty),
      ] where isGiven { throw ValidationError("\(name) is for the network, and needs --listen") }
      return nil
    }
    guard let tokenFile else {
      throw ValidationError(
        "--listen needs --token-file: `resnet-probe token new --file tokens` makes one")
    }
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw ValidationError("--tls-certificate and --tls-key need each other")
    }
    var tls: Daemon.Network.TLS?
    if let tlsCertificate, let tlsKey {
      tls = Daemon.Network.TLS(certificate: tlsCertificate, key: tlsKey)
    }
    return Daemon.Network(address: listen, tokens: tokenFile, tls: tls, names: hosts)
  }

  @Sendable private static func address(_ text: String) throws -> ListenAddress {
    guard let address = ListenAddress(text) else {
      throw ValidationError(
        "\(text) is no place to listen at: a host and a port, as 127.0.0.1:8443 or [::1]:8443")
    }
    return address
  }
}
