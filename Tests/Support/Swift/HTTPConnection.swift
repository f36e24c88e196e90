import Foundation

/// A connection to a daemon, at its Unix socket or on loopback, that sends bytes as they are told, whole
/// requests or not.
public final class HTTPConnection {
  /// An answer.
  public struct Response: Sendable {
    /// The status.
    public var status: Int
    /// The header fields, names in lower case.
    public var fields: [String: String]
    /// The body.
    public var body: String

    /// A member of the body, which must be a JSON object.
    public func member(_ name: String) -> Any? {
      let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
      return object?[name]
    }
  }

  private let socket: CInt
  private var received: [UInt8] = []

  /// Connects to a Unix socket; nil where nobody listens.
  public init?(to path: String) {
    socket = Foundation.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    guard connect(to: address) else { return nil }
  }

  /// Connects to a port of 127.0.0.1; nil where nobody listens.
  public init?(to port: UInt16) {
    socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    guard connect(to: address) else { return nil }
  }

  private func connect<Address>(to address: Address) -> Bool {
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    if result != 0 { return false }
    // A daemon that never answers shall fail a test, not hang it.
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return true
  }

  deinit { close(socket) }

  /// Sends bytes as they are; false where the other side took not all.
  @discardableResult
  public func send(_ bytes: some Sequence<UInt8>) -> Bool {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Foundation.send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Sends a request's head; `length` is what it says of its body, `fields` are more of its lines.
  @discardableResult
  public func sendHead(
    _ method: String, _ target: String, length: Int?, fields: [String] = []
  ) -> Bool {
    var lines = ["\(method) \(target) HTTP/1.1"] + fields
    if !fields.contains(where: { $0.hasPrefix("Host:") }) { lines.append("Host: localhost") }
    if let length { lines.append("Content-Length: \(length)") }
    return send((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// Sends a request and waits for its answer; nil where the connection was closed instead.
  public func request(
    _ method: String, _ target: String, body: [UInt8]? = nil, fields: [String] = []
  ) -> Response? {
    sendHead(method, target, length: body?.count, fields: fields)
    if let body { send(body) }
    return response()
  }

  /// The next answer; nil where the connection was closed instead.
  public func response() -> Response? {
    while true {
      if let (response, length) = parse() {
        received.removeFirst(length)
        return response
      }
      guard receive() else { return nil }
    }
  }

  /// The next answer where it is one without a body, as to HEAD; nil where the connection was closed
  /// instead.
  public func responseWithoutBody() -> Response? {
    while true {
      if let (response, length) = parse(hasBody: false) {
        received.removeFirst(length)
        return response
      }
      guard receive() else { return nil }
    }
  }

  /// Says that nothing more comes; answers can still be read.
  public func finishSending() { shutdown(socket, CInt(SHUT_WR)) }

  /// Whether the other side has closed the connection, after what it still sent.
  public func isClosed() -> Bool {
    while receive() {}
    return errno != EAGAIN
  }

  private func receive() -> Bool {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    errno = 0
    let count = recv(socket, &piece, piece.count, 0)
    guard count > 0 else { return false }
    received += piece.prefix(count)
    return true
  }

  private func parse(hasBody: Bool = true) -> (Response, Int)? {
    guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self)
      .components(separatedBy: "\r\n")
    guard let status = Int(lines[0].split(separator: " ")[1]) else { return nil }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      fields[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    let length = hasBody ? fields["content-length"].flatMap { Int($0) } ?? 0 : 0
    guard received.count >= end.upperBound + length else { return nil }
    let body = received[end.upperBound..<(end.upperBound + length)]
    let response = Response(
      status: status, fields: fields, body: String(decoding: body, as: UTF8.self))
    return (response, end.upperBound + length)
  }
}
