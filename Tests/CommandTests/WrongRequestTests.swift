import Foundation
import Support
import Testing

/// What a stranger may send: each gets a problem, and the daemon goes on.
@Suite struct WrongRequestTests {
  @Test func `wrong routes, methods, names and parameters each get their problem`() throws {
    let daemon = try RunningDaemon(try Command())
    let connection = try daemon.connect()
    let id = "101112131415161718191a1b1c1d1e1f"
    for (method, target, status, words) in [
      ("GET", "/", 404, "there is nothing at /"),
      ("GET", "/v1", 404, "there is nothing at /v1"),
      ("GET", "/v2/health", 404, "there is nothing at /v2/health"),
      ("GET", "/v1/health/x", 404, "there is nothing at"),
      ("POST", "/v1/health", 405, "/v1/health answers to GET, not to POST"),
      ("DELETE", "/v1/runs", 405, "answers to GET, not to DELETE"),
      ("GET", "/v1/journals/\(id).0", 405, "answers to POST, not to GET"),
      ("POST", "/v1/journals/\(id)", 400, "names no segment"),
      ("POST", "/v1/journals/\(id).-1", 400, "names no segment"),
      ("POST", "/v1/journals/\(id).4294967296", 400, "names no segment"),
      ("POST", "/v1/journals/\(id.uppercased()).0", 400, "names no segment"),
      ("POST", "/v1/journals/..%2F..%2Fetc.0", 400, "names no segment"),
      ("POST", "/v1/journals/\(id).0?offset=-1", 400, "offset is -1, no number from 0"),
      ("POST", "/v1/journals/\(id).0?offset=1e3", 400, "offset is 1e3, no number from 0"),
      ("POST", "/v1/journals/\(id).0?offset=99999999999999999999", 400, "no number from 0"),
      (
        "POST", "/v1/journals/\(id).0?offset=1&offset=2", 400, "the parameter offset is there twice"
      ),
      ("GET", "/v1/runs/%zz/report", 400, "the path is not percent-encoded UTF-8"),
      ("GET", "/v1/runs/%ff/report", 400, "the path is not percent-encoded UTF-8"),
      ("GET", "/v1/runs/nobody/report", 404, "has this number, uuid or name"),
      ("GET", "/v1/runs/latest/report", 404, "has no runs"),
      ("GET", "/v1/runs/1/blocks/x/series", 400, "the block x is no ordinal"),
    ] {
      let response = try #require(connection.request(method, target, body: []), "\(target)")
      #expect(response.status == status, "\(target): \(response.body)")
      #expect(response.fields["content-type"] == "application/problem+json")
      let detail = try #require(response.member("detail") as? String)
      #expect(detail.contains(words) && !detail.contains("\n"), "\(target): \(detail)")
      #expect(response.member("status") as? Int == status && response.member("title") is String)
      if status == 405 { #expect(response.fields["allow"] != nil) }
    }
    let run = try GoldenRun()
    #expect(connection.request("POST", run.target(from: 0), body: run.bytes)?.status == 200)
    for (query, status) in [
      ("statistics=nothing", 404), ("statistics=step;DROP%20TABLE%20run", 404), ("from=x", 400),
      ("limit=10001", 400), ("limit=0", 400), ("limit=10000", 200), ("statistics=", 400),
      ("limti=5", 400), ("", 200),
    ] {
      let target = "/v1/runs/latest/blocks/0/series?\(query)"
      #expect(connection.request("GET", target)?.status == status, "\(query)")
    }
    #expect(connection.request("GET", "/v1/runs/latest/blocks/2/series")?.status == 404)
  }

  @Test func `HEAD is GET without the body, and the connection goes on`() throws {
    let daemon = try RunningDaemon(try Command())
    let head = try daemon.command.shell(
      "curl -sSI --unix-socket '\(daemon.socket)' http://x/v1/health http://x/v1/runs http://x/v1/none"
    )
    let answers = head.output.replacing("\r\n", with: "\n").components(separatedBy: "\n\n")
    #expect(answers.count == 4 && answers[3].isEmpty, "\(head.output)")
    for (answer, status) in zip(answers, [200, 200, 404]) {
      #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("\nContent-Length: "))
    }
  }

  @Test func `a body that is too long is refused before it is read`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    let connection = try daemon.connect()
    connection.sendHead("POST", run.target(from: 0), length: (16 << 20) + 1)
    let response = try #require(connection.response())
    #expect(response.status == 413 && response.fields["connection"] == "close")
    #expect((response.member("detail") as? String)?.contains("at most 16777216 bytes") == true)
    let chunked = try daemon.connect()
    chunked.send(
      "POST \(run.target(from: 0)) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
    // A head and then a record that never ends: awaited up to the limit, and no further.
    var piece = Array(run.bytes.prefix(24)) + [0xFF, 0xFF, 0x3F, 0, 1, 2, 3, 4]
    piece += [UInt8](repeating: 7, count: (1 << 20) - piece.count)
    for _ in 0..<17 {
      guard chunked.send("100000\r\n".utf8), chunked.send(piece), chunked.send("\r\n".utf8) else {
        break
      }
      piece = [UInt8](repeating: 7, count: 1 << 20)
    }
    let status = chunked.response()?.status
    #expect(status == 422 || status == 413, "\(String(describing: status))")
    #expect(try daemon.request("GET", "/v1/health").status == 200)
  }

  @Test func `bodies that hold all the memory there is are told to come later, and it comes back`()
    throws
  {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    // The head of a segment, and of a record of 4 MiB that never ends.
    let head = Array(run.bytes.prefix(24)) + [0, 0, 0x40, 0, 1, 2, 3, 4]
    let body = head + [UInt8](repeating: 7, count: (4 << 20) - 1)
    func inFlight(_ isEnough: (Int) -> Bool) throws -> Int {
      let end = Date(timeIntervalSinceNow: 60)
      var used = -1
      while !isEnough(used), Date() < end {
        used = try daemon.request("GET", "/v1/health").member("bodies_bytes") as? Int ?? -1
      }
      return used
    }
    // Eight of them would take more than all of it: each is in flight before the next comes.
    var held: [HTTPConnection] = []
    for count in 1...7 {
      let connection = try daemon.connect()
      connection.sendHead("POST", run.target(from: 0), length: body.count + 1)
      connection.send(body)
      held.append(connection)
      #expect(try inFlight { $0 >= count * body.count } == count * body.count)
    }
    let eighth = try daemon.connect()
    eighth.sendHead("POST", run.target(from: 0), length: body.count)
    eighth.send(body)
    let response = try #require(eighth.response())
    #expect(response.status == 429 && response.fields["retry-after"] == "1")
    // A small one still finds room.
    let small = try GoldenRun()
    #expect(try daemon.request("POST", small.target(from: 0), body: small.bytes).status == 200)
    held = []
    #expect(try inFlight { $0 == 0 } == 0)
  }

  @Test
  func `what is no HTTP, floods of fields and endless lines end the connection, not the daemon`()
    throws
  {
    let daemon = try RunningDaemon(try Command())
    let flood = (0..<2000).map { "X-\($0): y\r\n" }.joined()
    for bytes in [
      "\u{16}\u{3}\u{1}hello\r\n\r\n", "GET\r\n\r\n", "GET /v1/health HTTP/9.9\r\n\r\n",
      "GET /v1/health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "GET /v1/health HTTP/1.1\r\n\(flood)\r\n",
      "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\n\r\n",
      "GET /v1/health HTTP/1.1\r\nX: \(String(repeating: "a", count: 200_000))\r\n\r\n",
    ] {
      let connection = try daemon.connect()
      connection.send(bytes.utf8)
      let status = connection.response()?.status
      #expect(
        status == nil || status == 400 || status == 431, "\(bytes.prefix(40)): \(status ?? 0)")
      #expect(connection.isClosed(), "\(bytes.prefix(40))")
    }
    #expect(try daemon.request("GET", "/v1/health").status == 200)
  }
}
