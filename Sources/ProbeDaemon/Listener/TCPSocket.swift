import Glibc

/// A TCP socket that is bound to an address and ready to listen at; whoever listens at it closes it.
struct TCPSocket: Sendable {
  /// The bound descriptor.
  let descriptor: CInt
  /// Host and port that it is bound to, as in a URL; the host as it was named.
  let authority: String

  /// Binds a socket to the first address of a host that it can be bound to.
  ///
  /// - Throws: ``DaemonError/socket(path:reason:hint:)``, and without `beyondLoopback` for an address that
  ///   another machine can reach.
  init(bindingTo place: ListenAddress, beyondLoopback: Bool) throws(DaemonError) {
    let name = place.authority(port: place.port)
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(place.host, String(place.port), &hints, &first)
    guard code == 0 else {
      throw .socket(
        path: name, reason: "\(place.host) is no address: \(String(cString: gai_strerror(code)))",
        hint: "name an address of this machine; 0.0.0.0 or [::] stands for all of them")
    }
    defer { freeaddrinfo(first) }
    var failure = EADDRNOTAVAIL
    for address in sequence(first: first!, next: { $0.pointee.ai_next }) {
      guard beyondLoopback || Self.isLoopback(address.pointee.ai_addr) else {
        throw .socket(
          path: name,
          reason: "other machines reach it, and tokens must not cross a network in the clear",
          hint: "add --tls-certificate and --tls-key, or listen at 127.0.0.1")
      }
      guard let socket = Self.bind(address.pointee) else {
        failure = errno
        continue
      }
      descriptor = socket
      authority = place.authority(port: Self.port(of: socket))
      return
    }
    throw .socket(
      path: name, reason: String(cString: strerror(failure)),
      hint: failure == EADDRINUSE
        ? "stop who listens there, or name another port; 0 takes one that is free"
        : failure == EACCES
          ? "ports below 1024 are the system's: name another"
          : "name an address of this machine; 0.0.0.0 or [::] stands for all of them")
  }

  private static func bind(_ address: addrinfo) -> CInt? {
    let socket = Glibc.socket(
      address.ai_family, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), address.ai_protocol)
    guard socket >= 0 else { return nil }
    var yes: CInt = 1
    // Connections of a daemon that has ended linger: the next one need not wait for them.
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    guard Glibc.bind(socket, address.ai_addr, address.ai_addrlen) == 0 else {
      let code = errno
      close(socket)
      errno = code
      return nil
    }
    return socket
  }

  /// Whether only this machine reaches an address.
  private static func isLoopback(_ address: UnsafePointer<sockaddr>) -> Bool {
    switch CInt(address.pointee.sa_family) {
    case AF_INET:
      return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
      }
    case AF_INET6:
      return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        withUnsafeBytes(of: $0.pointee.sin6_addr) { bytes in
          let isOne = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
          let isMapped =
            bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
          return isOne || isMapped && bytes[12] == 127
        }
      }
    default: return false
    }
  }

  private static func port(of socket: CInt) -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = getsockname(socket, $0, &length)
      }
      // The port of an IPv6 address is in the same place.
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        UInt16(bigEndian: $0.pointee.sin_port)
      }
    }
  }
}
