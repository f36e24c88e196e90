import Foundation
import Support
import Testing

/// `resnet-probe serve` as a process, started when it says so itself.
final class RunningDaemon {
  let command: Command
  let process: Process
  let socket: String
  private let log: String

  /// Starts a daemon of a command's home and waits until it accepts connections; its log goes to a file,
  /// or to `log`.
  init(_ command: Command, _ arguments: [String] = [], log other: FileHandle? = nil) throws {
    self.command = command
    socket = "\(command.store).run/socket"
    log = command.home.file("log-\(UUID())")
    try Data().write(to: URL(filePath: log))
    let notice = try NoticeSocket(at: command.home.file("notify"))
    process = command.process(
      Command.program.path, ["serve"] + arguments, environment: ["NOTIFY_SOCKET": notice.path])
    process.standardError = other ?? FileHandle(forWritingAtPath: log)
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    guard notice.next() == "READY=1" else {
      Issue.record("the daemon did not start: \(try logged())")
      return
    }
  }

  deinit {
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// What it has logged.
  func logged() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }

  /// Its URL on the network, as its first line tells it.
  func url() throws -> String {
    let line = try logged().split(separator: "\n").first { $0.contains("serving ") }
    return try #require(line?.firstMatch(of: #/https?:\/\/\S*:\d+/#).map { String($0.0) })
  }

  /// The port of its URL.
  func port() throws -> UInt16 {
    try #require(try url().split(separator: ":").last.flatMap { UInt16($0) })
  }

  /// The log, once a line of it contains these words, or as it is after a minute.
  func logged(until words: String) throws -> String {
    let end = Date(timeIntervalSinceNow: 60)
    while try !logged().contains(words), Date() < end {
      _ = try request("GET", "/v1/health")
    }
    return try logged()
  }

  /// A new connection.
  func connect() throws -> HTTPConnection { try #require(HTTPConnection(to: socket)) }

  /// One request on a connection of its own.
  func request(
    _ method: String, _ target: String, body: [UInt8]? = nil
  ) throws -> HTTPConnection.Response {
    try #require(try connect().request(method, target, body: body), "\(method) \(target)")
  }

  /// The number of frames of a run, once it is `expected`, or the last one seen after a minute.
  func frames(of run: String, until expected: Int) throws -> Int {
    let end = Date(timeIntervalSinceNow: 60)
    var found = -1
    while found != expected, Date() < end {
      let response = try request("GET", "/v1/runs")
      let runs =
        try JSONSerialization.jsonObject(with: Data(response.body.utf8)) as? [[String: Any]]
      found = runs?.first { $0["uuid"] as? String == run }?["frames"] as? Int ?? -1
    }
    return found
  }

  /// Ends it with a signal and says its exit code.
  func stop(_ signal: CInt = SIGTERM) -> CInt {
    Foundation.kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// A service manager's end of sd_notify.
private final class NoticeSocket {
  let path: String
  private let socket: CInt

  init(at path: String) throws {
    self.path = path
    unlink(path)
    socket = Foundation.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0)
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(socket) }

  func next() -> String {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(socket, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
