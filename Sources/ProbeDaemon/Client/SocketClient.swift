import Glibc

/// Asks a daemon something over its Unix socket: one request, one answer.
public struct SocketClient: Sendable {
  /// A daemon's answer.
  public struct Response: Sendable, Hashable {
    /// The HTTP status.
    public var status: Int
    /// The body.
    public var body: String
  }

  private let path: String

  /// A client of the daemon that listens at a path.
  public init(socket path: String) { self.path = path }

  /// What the daemon answers to `GET target`; nil where nobody answers within `seconds`.
  ///
  /// `target` is a path that needs no encoding.
  public func get(_ target: String, waiting seconds: Int = 5) -> Response? {
    guard path.utf8.count <= SocketFile.longestPath, let socket = UnixAddress.socket() else {
      return nil
    }
    defer { close(socket) }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    guard UnixAddress(path).call(connect, on: socket) else { return nil }
    let request = Array(
      "GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    guard send(socket, request, request.count, CInt(MSG_NOSIGNAL)) == request.count else {
      return nil
    }
    return Self.parse(Self.readAll(socket))
  }

  private static func readAll(_ socket: CInt) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(socket, &piece, piece.count, 0)
      guard count > 0 else { return bytes }
      bytes += piece.prefix(count)
    }
  }

  /// An HTTP/1.1 answer whose body lasts as long as its `Content-Length` says.
  private static func parse(_ bytes: [UInt8]) -> Response? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    let body = text[end.upperBound...]
    let stated = lines.lazy.compactMap { line -> Int? in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
      return Int(parts[1].drop { $0 == " " })
    }.first
    guard stated == body.utf8.count else { return nil }
    return Response(status: status, body: String(body))
  }
}
