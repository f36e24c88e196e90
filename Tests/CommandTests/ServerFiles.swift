import Foundation
import ProbeDaemon
import Support
import Testing

/// What a daemon on the network needs: tokens, and a certificate with its key, in a command's home.
struct ServerFiles {
  let command: Command
  /// A token that may send journals, and one that may read.
  let write = Token(newFor: .write).text
  let read = Token(newFor: .read).text

  init(_ command: Command) throws {
    self.command = command
    try setTokens([write, read])
  }

  var tokens: String { command.home.file("tokens") }
  var certificate: String { command.home.file("server.pem") }
  var key: String { command.home.file("server.key") }

  /// The options of a daemon at a free port of 127.0.0.1 without TLS.
  var plain: [String] { ["--listen", "127.0.0.1:0", "--token-file", tokens] }

  /// The options of one with TLS; ``makeCertificate(_:days:)`` comes before.
  var tls: [String] { plain + ["--tls-certificate", certificate, "--tls-key", key] }

  /// Writes the token file.
  func setTokens(_ tokens: [String], mode: mode_t = 0o600) throws {
    try Data((tokens.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: self.tokens))
    try #require(chmod(self.tokens, mode) == 0)
  }

  /// Makes a certificate that vouches for itself, and its key, under names of `server`.
  func makeCertificate(_ name: String = "server", days: Int = 30) throws {
    let made = try command.shell(
      """
      cd '\(command.home.path)' && umask 077 && openssl req -x509 -newkey ec \
        -pkeyopt ec_paramgen_curve:P-256 -nodes -days \(days) -keyout '\(name).key' -out '\(name).pem' \
        -subj /CN=lab -addext 'subjectAltName=DNS:lab.example,DNS:*.cluster.example,IP:127.0.0.1'
      """)
    try #require(made.code == 0, "\(made.errors)")
  }

  /// The line of a request that bears a token.
  static func bearer(_ token: String) -> [String] { ["Authorization: Bearer \(token)"] }
}
