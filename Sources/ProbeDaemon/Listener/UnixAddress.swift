import Glibc

/// The address of a Unix socket, for the calls that take one.
struct UnixAddress {
  private var address = sockaddr_un()

  /// The address of a path of at most ``SocketFile/longestPath`` bytes.
  init(_ path: String) {
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: path.utf8.prefix($0.count - 1))
    }
  }

  /// A stream socket without a name; nil where the system gives none.
  static func socket() -> CInt? {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    return socket >= 0 ? socket : nil
  }

  /// Whether `connect` or `bind` succeeds with this address; else `errno` says why not.
  func call(
    _ function: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt, on socket: CInt
  ) -> Bool {
    withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    } == 0
  }
}
