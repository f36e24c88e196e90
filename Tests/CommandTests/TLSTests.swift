import Foundation
import Support
import Testing

/// A daemon that speaks TLS, asked with curl and openssl.
@Suite struct TLSTests {
  /// Runs curl with a daemon's certificate and a token; prints the body, then the status.
  private func curl(
    _ daemon: RunningDaemon, _ files: ServerFiles, _ arguments: String, host: String = "127.0.0.1"
  ) throws -> Command.Outcome {
    let port = try daemon.port()
    return try files.command.shell(
      """
      curl -sS --cacert '\(files.certificate)' --resolve '\(host):\(port):127.0.0.1' \
        -w '%{http_code}' --max-time 60 \(arguments.replacing("URL", with: "https://\(host):\(port)"))
      """)
  }

  @Test func `journals and reports go over TLS, with a right certificate and token`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    let daemon = try RunningDaemon(command, files.tls)
    let run = try GoldenRun()
    let journal = command.home.file("journal")
    try Data(run.bytes).write(to: URL(filePath: journal))
    let sent = try curl(
      daemon, files,
      "-H 'Authorization: Bearer \(files.write)' --data-binary @'\(journal)' 'URL\(run.target(from: 0))'"
    )
    #expect(sent.output.hasSuffix("\"rejected_records\": 0}\n200"), "\(sent.output)\(sent.errors)")
    let read = "-H 'Authorization: Bearer \(files.read)' URL/v1/runs/latest/report"
    let report = try curl(daemon, files, read)
    #expect(report.output == (try command("report", "--json").output) + "200")
    for host in ["lab.example", "node1.cluster.example"] {
      #expect(try curl(daemon, files, read, host: host).output.hasSuffix("200"), "\(host)")
    }
    // A name that is not in the certificate: curl does not go on, and where it is told to, the daemon does not.
    let other = try curl(daemon, files, read, host: "evil.example")
    #expect(other.code == 60 && other.output == "000")
    #expect(try curl(daemon, files, "-k \(read)", host: "evil.example").output.hasSuffix("421"))
    #expect(try curl(daemon, files, "URL/v1/health").output.hasSuffix("401"))
    let status = try command("status", "--json").output
    #expect(status.contains("\"url\": \"https://127.0.0.1:"), "\(status)")
    let doctor = try command("doctor").output
    #expect(doctor.contains("ok       certificate   the daemon's expires at 20"), "\(doctor)")
    #expect(daemon.stop() == 0)
  }

  @Test func `TLS older than 1.2 is refused`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    let daemon = try RunningDaemon(command, files.tls)
    for (version, isTaken) in [("tls1_1", false), ("tls1_2", true), ("tls1_3", true)] {
      let outcome = try command.shell(
        "openssl s_client -connect 127.0.0.1:\(try daemon.port()) -\(version) -cipher DEFAULT@SECLEVEL=0 < /dev/null"
      )
      #expect((outcome.code == 0) == isTaken, "\(version): \(outcome.output)")
    }
  }

  @Test
  func `plain HTTP at the TLS port is told so, and garbage is closed, without a word in the log`()
    throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    let daemon = try RunningDaemon(command, files.tls)
    for _ in 0..<20 {
      let connection = try #require(HTTPConnection(to: try daemon.port()))
      let response = connection.request(
        "GET", "/v1/health", fields: ServerFiles.bearer(files.read))
      #expect(response?.status == 400 && response?.fields["connection"] == "close")
      #expect(response?.member("detail") as? String == "this is a TLS port: ask with https://")
      #expect(connection.isClosed())
    }
    for bytes in [
      [0x16, 0x03, 0x01, 0xFF, 0xFF] + [UInt8](repeating: 7, count: 70_000),
      [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00], [0x80, 0x2E, 1, 3, 1], [0],
      [0x15, 3, 1, 0, 2, 2, 40], Array("\r\n\r\n".utf8), Array(repeating: 0x16, count: 40_000),
    ] {
      let connection = try #require(HTTPConnection(to: try daemon.port()))
      connection.send(bytes)
      #expect(connection.isClosed(), "\(bytes.prefix(8))")
    }
    #expect(try daemon.request("GET", "/v1/health").status == 200)
    #expect(try daemon.logged().split(separator: "\n").count == 1)
  }

  @Test func `a handshake that stalls is closed, and keeps nobody from stopping the daemon`() throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    let daemon = try RunningDaemon(command, files.tls)
    let silent = try #require(HTTPConnection(to: try daemon.port()))
    let stalled = try #require(HTTPConnection(to: try daemon.port()))
    stalled.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
    #expect(silent.isClosed() && stalled.isClosed())
    let late = try #require(HTTPConnection(to: try daemon.port()))
    late.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
    #expect(try daemon.request("GET", "/v1/health").status == 200)
    #expect(daemon.stop() == 0 && late.isClosed())
  }

  @Test func `on SIGHUP a renewed certificate is used, and one that is wrong is not`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    try files.makeCertificate()
    let daemon = try RunningDaemon(command, files.tls)
    let health = "-H 'Authorization: Bearer \(files.read)' URL/v1/health"
    #expect(try curl(daemon, files, health).output.hasSuffix("200"))
    let old = command.home.file("old.pem")
    try FileManager.default.copyItem(atPath: files.certificate, toPath: old)
    try files.makeCertificate(days: 10)
    kill(daemon.process.processIdentifier, SIGHUP)
    #expect(
      try daemon.logged(until: "read the TLS certificate again").contains(
        "info read the TLS certificate again: it expires at 20"))
    #expect(try curl(daemon, files, health).output.hasSuffix("200"))
    #expect(try curl(daemon, files, "--cacert '\(old)' \(health)").code == 60)
    let doctor = try command("doctor").output
    #expect(doctor.contains("warning  certificate   the daemon's expires at 20"), "\(doctor)")
    #expect(doctor.contains("; renew it, and send the daemon SIGHUP\n"))
    try files.makeCertificate("other")
    try FileManager.default.removeItem(atPath: files.key)
    try FileManager.default.moveItem(atPath: command.home.file("other.key"), toPath: files.key)
    kill(daemon.process.processIdentifier, SIGHUP)
    let log = try daemon.logged(until: "certificate stays as it was")
    #expect(
      log.contains(
        "error the TLS certificate stays as it was: cannot use the TLS certificate \(files.certificate): the key \(files.key) does not belong to it; name a key and its certificate; the server's own comes first in a chain\n"
      ), "\(log)")
    #expect(try curl(daemon, files, health).output.hasSuffix("200"))
  }
}
