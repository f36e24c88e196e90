import Synchronization

/// The tokens and the certificate of a daemon that listens on the network, read at its start and again
/// when it is told to.
final class Credentials: Sendable {
  private struct State {
    var tokens: TokenList
    var certificate: ServerCertificate?
  }

  private let tokenFile: TokenFile
  private let tls: Daemon.Network.TLS?
  private let state: Mutex<State>

  /// Reads the files.
  ///
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)``.
  init(tokens path: String, tls: Daemon.Network.TLS?) throws(DaemonError) {
    tokenFile = TokenFile(at: path)
    self.tls = tls
    let tokens = try tokenFile.read()
    let certificate = try Self.certificate(tls)
    state = Mutex(State(tokens: tokens, certificate: certificate))
  }

  /// The tokens as they were last read.
  var tokens: TokenList { state.withLock(\.tokens) }

  /// The certificate as it was last read; nil: no TLS.
  var certificate: ServerCertificate? { state.withLock(\.certificate) }

  /// Reads the tokens again; where that fails the old ones stay.
  func readTokens() throws(DaemonError) -> TokenList {
    let tokens = try tokenFile.read()
    state.withLock { $0.tokens = tokens }
    return tokens
  }

  /// Reads certificate and key again; where that fails the old ones stay.
  ///
  /// Connections that are open keep theirs.
  func readCertificate() throws(DaemonError) -> ServerCertificate? {
    let certificate = try Self.certificate(tls)
    state.withLock { $0.certificate = certificate }
    return certificate
  }

  private static func certificate(
    _ tls: Daemon.Network.TLS?
  ) throws(DaemonError) -> ServerCertificate? {
    guard let tls else { return nil }
    return try ServerCertificate(
      certificate: tls.certificate, key: tls.key, at: WallClock.now)
  }
}
