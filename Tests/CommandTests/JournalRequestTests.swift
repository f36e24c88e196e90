import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct JournalRequestTests {
  @Test func `a body that is cut anywhere is taken up again at the offset that was answered`()
    throws
  {
    let daemon = try RunningDaemon(try Command())
    let connection = try daemon.connect()
    for cut in stride(from: 1, to: try GoldenRun().bytes.count, by: 13) {
      let run = try GoldenRun()
      let first = try #require(
        connection.request("POST", run.target(from: 0), body: Array(run.bytes[..<cut])))
      let known = try #require(first.member("offset") as? Int)
      #expect(first.status == 200 && known <= cut, "\(cut)")
      let asked = try #require(connection.request("POST", run.target(), body: []))
      #expect(asked.status == 200 && asked.member("offset") as? Int == known)
      let rest = try #require(
        connection.request("POST", run.target(from: known), body: Array(run.bytes[known...])))
      #expect(rest.status == 200 && rest.member("offset") as? Int == run.bytes.count)
      let frames = [first, rest].compactMap { $0.member("frames") as? Int }.reduce(0, +)
      #expect(frames == 2, "\(cut)")
    }
  }

  @Test func `a flipped byte anywhere breaks nothing but its own body`() throws {
    let daemon = try RunningDaemon(try Command())
    let connection = try daemon.connect()
    var damaged = 0
    for place in stride(from: 0, to: try GoldenRun().bytes.count, by: 7) {
      let run = try GoldenRun()
      var bytes = run.bytes
      bytes[place] ^= 0x55
      let response = try #require(connection.request("POST", run.target(from: 0), body: bytes))
      if response.status == 422 {
        damaged += 1
        #expect(response.fields["content-type"] == "application/problem+json")
        #expect(response.member("problem") is String && response.member("offset") is Int)
        #expect(try #require(response.member("offset") as? Int) <= place)
      } else {
        // A length that grew past the body's end: its rest is awaited.
        #expect(response.status == 200 && (response.member("offset") as? Int ?? .max) <= place)
      }
    }
    #expect(damaged > 100)
    #expect(connection.request("GET", "/v1/health")?.member("status") as? String == "ok")
  }

  @Test func `what is known is skipped, and what is beyond it is a conflict`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    let connection = try daemon.connect()
    let early = try #require(connection.request("POST", run.target(from: 100), body: [1, 2, 3]))
    #expect(early.status == 409 && early.member("offset") as? Int == 0)
    for frames in [2, 0, 0] {
      let response = try #require(
        connection.request("POST", run.target(from: 0), body: run.bytes))
      #expect(response.status == 200 && response.member("frames") as? Int == frames)
      #expect(response.member("offset") as? Int == run.bytes.count)
      #expect((response.member("store") as? String)?.count == 32)
    }
    let other = try GoldenRun()
    let foreign = try #require(connection.request("POST", run.target(from: 0), body: other.bytes))
    #expect(foreign.status == 422 && foreign.member("offset") as? Int == run.bytes.count)
  }

  @Test func `a damaged segment says so whenever it is asked`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    var bytes = run.bytes
    bytes[bytes.count - 1] ^= 1
    for body in [bytes, []] {
      let response = try daemon.request("POST", run.target(from: 0), body: body)
      #expect(response.status == 422)
      #expect(
        response.member("problem") as? String == "a record's checksum does not match its bytes")
    }
    let listed = try daemon.command(
      "query", "SELECT damage FROM journal_segment", "--format", "csv")
    #expect(listed.output == "damage\na record's checksum does not match its bytes\n")
  }

  @Test func `one poisoned body takes no other down`() async throws {
    let daemon = try RunningDaemon(try Command())
    let good = try (0..<24).map { _ in try GoldenRun() }
    // Another journal that claims to be the same rank of the same attempt, and one that opens no run.
    let claimed = try Fixtures.bytes("complete.rpj")
    #expect(
      try daemon.request(
        "POST", "/v1/journals/101112131415161718191a1b1c1d1e1f.0?offset=0", body: claimed
      ).status == 200)
    let socket = daemon.socket
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for run in good {
        group.addTask {
          HTTPConnection(to: socket)?.request("POST", run.target(from: 0), body: run.bytes)?.status
            ?? 0
        }
        group.addTask {
          let lost = try GoldenRun(steps: [])
          let frame = try RecordCodec.encode(
            .frame(Golden.frame(step: 0, gap: 0.25)), in: lost.segment)
          let headless = Journal.header(of: lost.segment) + Journal.frame(payload: frame)
          return HTTPConnection(to: socket)?
            .request("POST", lost.target(from: 0), body: headless)?.status ?? 0
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses.filter { $0 == 200 }.count == good.count)
    #expect(statuses.filter { $0 == 422 }.count == good.count)
    for run in good { #expect(try daemon.frames(of: run.run.description, until: 2) == 2) }
  }

  @Test func `a client that goes away in the middle loses nothing that was answered`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    do {
      let connection = try daemon.connect()
      connection.sendHead("POST", run.target(from: 0), length: run.bytes.count)
      connection.send(run.bytes.prefix(600))
    }
    let asked = try daemon.request("POST", run.target(), body: [])
    let known = try #require(asked.member("offset") as? Int)
    let rest = try daemon.request("POST", run.target(from: known), body: Array(run.bytes[known...]))
    #expect(rest.status == 200 && rest.member("offset") as? Int == run.bytes.count)
    #expect(try daemon.frames(of: run.run.description, until: 2) == 2)
  }

  @Test func `a body in chunks is taken in like any other`() throws {
    let daemon = try RunningDaemon(try Command())
    let run = try GoldenRun()
    let connection = try daemon.connect()
    connection.send(
      "POST \(run.target(from: 0)) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
    for start in stride(from: 0, to: run.bytes.count, by: 100) {
      let piece = run.bytes[start..<min(start + 100, run.bytes.count)]
      connection.send("\(String(piece.count, radix: 16))\r\n".utf8)
      connection.send(piece)
      connection.send("\r\n".utf8)
    }
    connection.send("0\r\n\r\n".utf8)
    let response = try #require(connection.response())
    #expect(response.status == 200 && response.member("offset") as? Int == run.bytes.count)
  }
}
