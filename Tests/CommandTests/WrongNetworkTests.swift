import Foundation
import Support
import Testing

/// What keeps a daemon from listening on the network: one line each.
@Suite struct WrongNetworkTests {
  private func refusal(_ command: Command, _ arguments: [String]) throws -> Command.Outcome {
    try command.shell(
      "\"$probe\" serve \(arguments.map { "'\($0)'" }.joined(separator: " "))")
  }

  @Test func `options that do not go together are wrong use`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    for (arguments, words) in [
      (
        ["--listen", "127.0.0.1:0"],
        "--listen needs --token-file: `resnet-probe token new --file tokens` makes one"
      ),
      (["--token-file", files.tokens], "--token-file is for the network, and needs --listen"),
      (["--tls-key", "k"], "--tls-key is for the network, and needs --listen"),
      (["--host", "lab"], "--host is for the network, and needs --listen"),
      (
        files.plain + ["--tls-certificate", "c"], "--tls-certificate and --tls-key need each other"
      ),
      (files.plain + ["--tls-key", "c"], "--tls-certificate and --tls-key need each other"),
      (
        ["--listen", "8443", "--token-file", "t"],
        "8443 is no place to listen at: a host and a port, as 127.0.0.1:8443 or [::1]:8443"
      ),
      (["--listen", "::1:8443", "--token-file", "t"], "is no place to listen at"),
      (["--listen", "localhost:99999", "--token-file", "t"], "is no place to listen at"),
    ] {
      let outcome = try refusal(command, arguments)
      #expect(outcome.code == 2 && outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
  }

  @Test func `an address that cannot be, and one that others reach without TLS, are refused`()
    throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    let tokens = ["--token-file", files.tokens]
    for (place, words) in [
      (
        "0.0.0.0:0",
        "cannot listen at 0.0.0.0:0: other machines reach it, and tokens must not cross a network in the clear; add --tls-certificate and --tls-key, or listen at 127.0.0.1"
      ),
      ("[::]:0", "cannot listen at [::]:0: other machines reach it"),
      ("203.0.113.1:0", "cannot listen at 203.0.113.1:0: other machines reach it"),
      (
        "no-such-host.invalid:0",
        "cannot listen at no-such-host.invalid:0: no-such-host.invalid is no address: "
      ),
    ] {
      let outcome = try refusal(command, ["--listen", place] + tokens)
      #expect(outcome.code == 1)
      #expect(outcome.errors.hasPrefix("resnet-probe: \(words)"), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
    try files.makeCertificate()
    let far = try refusal(
      command, ["--listen", "203.0.113.1:0"] + files.tls.dropFirst(2))
    #expect(
      far.errors
        == "resnet-probe: cannot listen at 203.0.113.1:0: Cannot assign requested address; name an address of this machine; 0.0.0.0 or [::] stands for all of them\n"
    )
    let other = try Command()
    let daemon = try RunningDaemon(other, try ServerFiles(other).plain)
    let taken = try refusal(command, ["--listen", "127.0.0.1:\(try daemon.port())"] + tokens)
    #expect(
      taken.errors
        == "resnet-probe: cannot listen at 127.0.0.1:\(try daemon.port()): Address already in use; stop who listens there, or name another port; 0 takes one that is free\n"
    )
    #expect(!FileManager.default.fileExists(atPath: "\(command.store).run/socket"))
  }

  @Test func `tokens, certificates and keys that cannot be used are each named with what to do`()
    throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    try files.makeCertificate("other")
    func refuse(
      _ words: String, _ prepare: String, _ location: SourceLocation = #_sourceLocation
    ) throws {
      let prepared = try command.shell("cd '\(command.home.path)' && \(prepare)")
      #expect(prepared.code == 0, "\(prepared.errors)", sourceLocation: location)
      let outcome = try refusal(
        command,
        files.plain + [
          "--tls-certificate", command.home.file("c"), "--tls-key", command.home.file("k"),
        ])
      #expect(outcome.code == 1, sourceLocation: location)
      #expect(
        outcome.errors == "resnet-probe: cannot use the \(words)\n", "\(outcome.errors)",
        sourceLocation: location)
    }
    let (c, k) = (command.home.file("c"), command.home.file("k"))
    try refuse(
      "TLS certificate \(c): No such file or directory; check the path and who may read it",
      "cp server.key k")
    try refuse(
      "TLS certificate \(c): it holds no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----",
      "cp server.key c")
    try refuse(
      "TLS certificate \(c): it holds no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----",
      ": > c")
    try refuse(
      "TLS certificate \(c): it holds no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----",
      "head -c 300 server.pem > c")
    try refuse(
      "TLS key \(k): it holds no private key in PEM; it begins with -----BEGIN",
      "cat server.pem > c; cp server.pem k; chmod 600 k")
    try refuse(
      "TLS key \(k): it holds no private key in PEM; it begins with -----BEGIN", ": > k")
    try refuse(
      "TLS key \(k): its mode 0640 lets others at it; `chmod 600` keeps it to its owner",
      "cat server.key > k; chmod 640 k")
    try refuse(
      "TLS key \(k): it has a passphrase; `openssl pkey -in \(k)` writes it without",
      "openssl pkey -in server.key -aes256 -passout pass:x -out k; chmod 600 k")
    try refuse(
      "TLS certificate \(c): the key \(k) does not belong to it; name a key and its certificate; the server's own comes first in a chain",
      "cat other.key > k")
    try refuse(
      "TLS certificate \(c): the key \(k) does not belong to it; name a key and its certificate; the server's own comes first in a chain",
      "cat other.pem server.pem > c; cat server.key > k")
    // A request for one's own that began and ended long ago.
    try refuse(
      "TLS certificate \(c): it expired at 2001-01-01 00:00:00Z; renew it",
      """
      mkdir ca; : > ca/index; echo 01 > ca/serial
      printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=ca/index\\nserial=ca/serial\\nnew_certs_dir=ca\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca/conf
      openssl req -new -key server.key -subj /CN=lab -out ca/request
      openssl ca -batch -config ca/conf -selfsign -keyfile server.key -in ca/request -out c \
        -startdate 20000101000000Z -enddate 20010101000000Z
      """)
    try refuse(
      "TLS certificate \(c): it is valid from 2048-01-01 00:00:00Z on; check this machine's clock",
      """
      openssl ca -batch -config ca/conf -selfsign -keyfile server.key -in ca/request -out c \
        -startdate 20480101000000Z -enddate 20490101000000Z || \
      { : > ca/index; openssl ca -batch -config ca/conf -selfsign -keyfile server.key -in ca/request -out c \
        -startdate 20480101000000Z -enddate 20490101000000Z; }
      """)
    try files.setTokens(["rp_w_short"])
    try refuse(
      "token file \(files.tokens): line 1 has fewer than 32 characters; `resnet-probe token new` makes tokens; a comment begins with #",
      "true")
  }
}
