import Glibc

/// Tells a service manager how the daemon is; without one nobody is told.
///
/// Source: sd_notify(3): a datagram to the socket that `NOTIFY_SOCKET` names.
enum ServiceNotice: String {
  /// Connections are accepted.
  case ready = "READY=1"
  /// No more are.
  case stopping = "STOPPING=1"

  func send() {
    guard let path = Environment.value("NOTIFY_SOCKET"), path.utf8.count < 108 else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // "@" begins an abstract name, which has a zero byte there.
    let name = path.hasPrefix("@") ? [0] + path.utf8.dropFirst() : Array(path.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return }
    defer { close(socket) }
    let text = Array(rawValue.utf8)
    withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(socket, text, text.count, CInt(MSG_NOSIGNAL), $0, size)
      }
    }
  }
}
