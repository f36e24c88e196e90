import Foundation
import Support
import Testing

/// A daemon that listens at loopback without TLS: who may ask what.
@Suite struct NetworkTests {
  private func connect(_ daemon: RunningDaemon) throws -> HTTPConnection {
    try #require(HTTPConnection(to: try daemon.port()))
  }

  @Test func `every request needs a token, and each token opens what its scope says`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    #expect(try daemon.url().hasPrefix("http://127.0.0.1:"))
    let run = try GoldenRun()
    let connection = try connect(daemon)
    let sent = connection.request(
      "POST", run.target(from: 0), body: run.bytes, fields: ServerFiles.bearer(files.write))
    #expect(sent?.status == 200 && sent?.member("offset") as? Int == run.bytes.count)
    let series = "/v1/runs/latest/blocks/0/series"
    for (method, target, writer, reader) in [
      ("GET", "/v1/health", 200, 200), ("HEAD", "/v1/health", 200, 200),
      ("GET", "/v1/runs", 403, 200),
      ("GET", "/v1/runs/latest/report", 403, 200), ("GET", series, 403, 200),
      ("POST", run.target(), 200, 403), ("GET", "/v1/none", 404, 404),
      ("POST", "/v1/runs", 405, 405),
    ] {
      let body: [UInt8]? = method == "POST" ? [] : nil
      func status(_ fields: [String]) throws -> HTTPConnection.Response {
        let one = try connect(daemon)
        guard method == "HEAD" else {
          return try #require(one.request(method, target, body: body, fields: fields), "\(target)")
        }
        one.sendHead(method, target, length: nil, fields: fields)
        return try #require(one.responseWithoutBody())
      }
      #expect(try status(ServerFiles.bearer(files.write)).status == writer, "\(method) \(target)")
      #expect(try status(ServerFiles.bearer(files.read)).status == reader, "\(method) \(target)")
      let none = try status([])
      #expect(none.status == 401 && none.fields["www-authenticate"] == "Bearer", "\(target)")
    }
    let beyond = try #require(
      connection.request("GET", "/v1/runs", fields: ServerFiles.bearer(files.write)))
    #expect(
      beyond.fields["www-authenticate"] == "Bearer error=\"insufficient_scope\", scope=\"read\"")
    #expect(
      beyond.member("detail") as? String
        == "the token's scope is write, and this needs one of scope read")
    // The Unix socket needs none.
    #expect(try daemon.request("GET", "/v1/runs/latest/report").status == 200)
  }

  @Test func `what is no token of the daemon's is refused, whatever it looks like`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    let right = files.read
    for fields in [
      ["Authorization: Bearer \(right.dropLast())"], ["Authorization: Bearer \(right)x"],
      ["Authorization: Bearer \(right.uppercased())"], ["Authorization: Bearer "],
      ["Authorization: Bearer"], ["Authorization: \(right)"], ["Authorization: Basic \(right)"],
      ["Authorization: Bearer \(right) \(right)"], ["Authorization: Bearer \(right),\(right)"],
      ["Authorization: Bearer \(right)", "Authorization: Bearer \(right)"],
      ["Authorization: Bearer \(String(repeating: "x", count: 9000))"], ["X-Token: \(right)"],
      ["Authorization: Bearer # write, made"], ["Proxy-Authorization: Bearer \(right)"],
    ] {
      let response = try #require(
        try connect(daemon).request("GET", "/v1/health", fields: fields), "\(fields)")
      #expect(response.status == 401, "\(fields)")
      #expect(response.fields["www-authenticate"]?.hasPrefix("Bearer") == true)
      #expect(response.fields["content-type"] == "application/problem+json")
      #expect(!response.body.contains(right.dropFirst(5).prefix(20)))
    }
    for fields in [["Authorization: bearer \(right)"], ["authorization: BEARER   \(right)"]] {
      #expect(try connect(daemon).request("GET", "/v1/health", fields: fields)?.status == 200)
    }
    // In the query it would be in logs of others.
    #expect(try connect(daemon).request("GET", "/v1/health?access_token=\(right)")?.status == 401)
  }

  @Test func `a name that is not the daemon's and a page of another origin are refused`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain + ["--host", "proxy.example"])
    let port = try daemon.port()
    for (fields, status) in [
      (["Host: 127.0.0.1:\(port)"], 200), (["Host: localhost"], 200), (["Host: [::1]:1"], 200),
      (["Host: Proxy.Example:443"], 200), (["Host: evil.example"], 421),
      (["Host: evil.example:\(port)"], 421), (["Host: 127.0.0.1.evil.example"], 421),
      (["Host: "], 400), (["Host: localhost", "Host: evil.example"], 400),
      (["Host: localhost", "Origin: http://localhost"], 200),
      (["Host: localhost:\(port)", "Origin: http://localhost:\(port)"], 200),
      (["Host: localhost:\(port)", "Origin: https://localhost:\(port)"], 403),
      (["Host: localhost:\(port)", "Origin: http://localhost:1"], 403),
      (["Host: localhost", "Origin: http://evil.example"], 403),
      (["Host: localhost", "Origin: null"], 403), (["Host: localhost", "Origin: "], 403),
      (["Host: localhost", "Origin: http://localhost", "Origin: http://evil.example"], 403),
    ] {
      let response = try connect(daemon).request(
        "GET", "/v1/runs", fields: fields + ServerFiles.bearer(files.read))
      #expect(response?.status == status, "\(fields)")
      // Refused before it is looked at who asks.
      if status != 200 {
        #expect(try connect(daemon).request("GET", "/v1/runs", fields: fields)?.status == status)
      }
    }
    for (method, target, status) in [
      // A proxy's form: the Host counts.
      ("GET", "http://evil.example/v1/runs", 200), ("GET", "*", 400), ("OPTIONS", "*", 400),
      ("CONNECT", "evil.example:443", 400), ("OPTIONS", "/v1/runs", 405),
    ] {
      let response = try connect(daemon).request(
        method, target, fields: ServerFiles.bearer(files.read))
      #expect(response?.status == status, "\(method) \(target)")
      #expect(response?.fields["access-control-allow-origin"] == nil)
    }
    let old = try connect(daemon)
    old.send("GET /v1/runs HTTP/1.0\r\nAuthorization: Bearer \(files.read)\r\n\r\n".utf8)
    #expect(old.response()?.status == 400)
  }

  @Test func `a body without a right token is not waited for, and no 100 asks for it`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    let run = try GoldenRun()
    for (token, status) in [("", 401), (files.read, 403)] {
      let connection = try connect(daemon)
      connection.sendHead(
        "POST", run.target(from: 0), length: 16 << 20,
        fields: ["Expect: 100-continue"] + ServerFiles.bearer(token))
      let response = try #require(connection.response())
      #expect(response.status == status && response.fields["connection"] == "close")
      connection.send([UInt8](repeating: 7, count: 1 << 21))
      #expect(connection.isClosed())
    }
    let right = try connect(daemon)
    right.sendHead(
      "POST", run.target(from: 0), length: run.bytes.count,
      fields: ["Expect: 100-continue"] + ServerFiles.bearer(files.write))
    #expect(right.response()?.status == 100)
    right.send(run.bytes)
    #expect(right.response()?.status == 200)
  }

  @Test func `on SIGHUP tokens are read again, and a file that is wrong changes nothing`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    let next = ServerFiles.bearer(try ServerFiles(try Command()).read)
    let old = ServerFiles.bearer(files.read)
    let connection = try connect(daemon)
    #expect(connection.request("GET", "/v1/runs", fields: old)?.status == 200)
    try files.setTokens([String(next[0].dropFirst("Authorization: Bearer ".count))])
    #expect(connection.request("GET", "/v1/runs", fields: next)?.status == 401)
    kill(daemon.process.processIdentifier, SIGHUP)
    #expect(
      try daemon.logged(until: "info read the tokens again").contains(
        "info read the tokens again: 0 write, 1 read\n"))
    // What was open stays open, and the revoked token is none any more.
    #expect(connection.request("GET", "/v1/runs", fields: next)?.status == 200)
    #expect(connection.request("GET", "/v1/runs", fields: old)?.status == 401)
    #expect(chmod(files.tokens, 0o644) == 0)
    kill(daemon.process.processIdentifier, SIGHUP)
    let log = try daemon.logged(until: "error the tokens stay")
    #expect(
      log.contains(
        "error the tokens stay as they were: cannot use the token file \(files.tokens): its mode 0644 lets others at it; `chmod 600` keeps it to its owner\n"
      ), "\(log)")
    #expect(connection.request("GET", "/v1/runs", fields: next)?.status == 200)
    #expect(daemon.stop() == 0)
  }

  @Test func `refusals make one line at once and one with the rest, and no token is anywhere`()
    throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain + ["--log-level", "trace"])
    let wrong = "rp_r_wrongwrongwrongwrongwrongwrongwrong"
    let connection = try connect(daemon)
    for _ in 0..<25 {
      #expect(
        connection.request("GET", "/v1/runs", fields: ServerFiles.bearer(wrong))?.status == 401)
      #expect(
        connection.request("GET", "/v1/runs", fields: ServerFiles.bearer(files.write))?.status
          == 403)
    }
    kill(daemon.process.processIdentifier, SIGHUP)
    let health = try daemon.request("GET", "/v1/health")
    #expect(health.member("url") as? String == (try daemon.url()))
    let status = try command("status")
    #expect(status.output.contains("        on the network at \(try daemon.url())\n"))
    let doctor = try command("doctor")
    #expect(doctor.output.contains(" and \(try daemon.url())\n"), "\(doctor.output)")
    #expect(daemon.stop() == 0)
    let log = try daemon.logged()
    let lines = log.split(separator: "\n").filter { $0.contains("refused") }
    #expect(lines.count == 2, "\(log)")
    #expect(lines[0].hasSuffix(" warning refused a request from 127.0.0.1: 401 Unauthorized"))
    #expect(
      lines[1].hasSuffix(" warning refused 49 requests, the last from 127.0.0.1: 403 Forbidden"))
    for text in [log, health.body, status.output, doctor.output] {
      for token in [files.write, files.read, wrong] {
        #expect(!text.contains(token) && !text.contains(token.dropFirst(5).prefix(8)))
      }
    }
  }

  @Test func `who connects and shows no token in time is closed, whatever it does meanwhile`()
    throws
  {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    let silent = try connect(daemon)
    let slow = try connect(daemon)
    slow.send("GET /v1/health HTTP/1.1\r\nAuthoriz".utf8)
    let refused = try connect(daemon)
    #expect(refused.request("GET", "/v1/health")?.status == 401)
    let right = try connect(daemon)
    let fields = ServerFiles.bearer(files.read)
    #expect(right.request("GET", "/v1/health", fields: fields)?.status == 200)
    for connection in [silent, slow, refused] { #expect(connection.isClosed()) }
    #expect(right.request("GET", "/v1/health", fields: fields)?.status == 200)
    #expect(daemon.stop() == 0)
  }

  @Test func `what is no HTTP, floods of fields and half-closed connections do no harm`() throws {
    let command = try Command()
    let files = try ServerFiles(command)
    let daemon = try RunningDaemon(command, files.plain)
    let flood = (0..<2000).map { "X-\($0): y\r\n" }.joined()
    for bytes in [
      "\u{16}\u{3}\u{1}hello\r\n\r\n", "GET\r\n\r\n", "GET /v1/health HTTP/1.1\r\n\(flood)\r\n",
      "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\n\r\n",
    ] {
      let connection = try connect(daemon)
      connection.send(bytes.utf8)
      let status = connection.response()?.status
      #expect(status == nil || status == 400, "\(bytes.prefix(30)): \(status ?? 0)")
      #expect(connection.isClosed())
    }
    let half = try connect(daemon)
    half.sendHead(
      "GET", "/v1/health", length: nil, fields: ServerFiles.bearer(files.read))
    half.finishSending()
    #expect(half.response()?.status == 200 && half.isClosed())
    #expect(try daemon.request("GET", "/v1/health").status == 200)
    #expect(!(try daemon.logged()).contains(" error "))
  }
}
