import ProbeDaemon
import Testing

@Suite struct HostNamesTests {
  private let names = HostNames(["Lab.Example", "*.cluster.example", "proxy."])

  @Test(arguments: [
    "localhost", "LOCALHOST:80", "localhost.", "127.0.0.1", "127.0.0.1:8443", "10.1.2.3:1", "[::1]",
    "[::1]:8443", "[fe80::1]:80", "lab.example", "lab.example:8443", "LAB.example.:8443",
    "node7.cluster.example", "proxy", "lab.example:",
  ])
  func `an address, localhost and the daemon's own names may be asked`(authority: String) {
    #expect(names.allow(authority))
  }

  @Test(arguments: [
    "", ":80", "evil.example", "evil.example:8443", "lab.example.evil.com", "xlab.example",
    "cluster.example", "a.b.cluster.example", ".cluster.example", "*.cluster.example.",
    "localhost.evil",
    "127.0.0.1.evil.com", "0x7f000001", "2130706433", "127.1", "[::1", "[::1]x", "[::1]:8o", "::1",
    "[evil.example]", "lab.example:80:80", "lab.example:8x", "user@lab.example", "lab.example/",
    "127.0.0.1 ", "[127.0.0.1]",
  ])
  func `no other name may`(authority: String) {
    #expect(!names.allow(authority), "\(authority)")
  }
}

@Suite struct ListenAddressTests {
  @Test(
    arguments: [
      ("127.0.0.1:8443", "127.0.0.1", 8443), ("localhost:0", "localhost", 0), ("[::]:80", "::", 80),
      ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535), ("lab.example:443", "lab.example", 443),
    ] as [(String, String, UInt16)])
  func `a host and a port are an address`(text: String, host: String, port: UInt16) throws {
    let address = try #require(ListenAddress(text))
    #expect(address.host == host && address.port == port)
  }

  @Test(arguments: [
    "", ":", ":80", "localhost", "localhost:", "localhost:x", "localhost:-1", "localhost:65536",
    "localhost:+1", "::1:80", "[::1]", "[]:80", "http://localhost:80", "a b:80", "[localhost]:80",
    "user@host:80", "localhost:80 ", "localhost:٣",
  ])
  func `anything else is none`(text: String) {
    #expect(ListenAddress(text) == nil)
  }
}

@Suite struct RefusalTallyTests {
  @Test func `the first is told at once, the others once a minute with their number`() {
    var tally = RefusalTally()
    #expect(tally.note(at: 100) == .tell(count: 1))
    #expect(tally.note(at: 110) == .wait(seconds: 50))
    for second in 0..<39 { #expect(tally.note(at: 111 + Double(second)) == .count) }
    #expect(tally.due(at: 160) == .tell(count: 40))
    #expect(tally.due(at: 220) == .count)
    #expect(tally.note(at: 230) == .tell(count: 1))
  }

  @Test func `one that comes when the wait is over is told with those before it`() {
    var tally = RefusalTally()
    #expect(tally.note(at: 0) == .tell(count: 1))
    #expect(tally.note(at: 1) == .wait(seconds: 59))
    #expect(tally.note(at: 60) == .tell(count: 2))
    #expect(tally.due(at: 60.001) == .count)
    #expect(tally.note(at: 61) == .wait(seconds: 59))
  }
}
