import Logging

extension Daemon {
  /// Where a daemon listens on the network, and what it asks of those who come.
  public struct Network: Sendable {
    /// A certificate and its key.
    public struct TLS: Sendable {
      /// The file of the certificate and those that vouch for it, in PEM.
      public var certificate: String
      /// The file of its key, in PEM and without a passphrase.
      public var key: String

      /// The files of a certificate and its key.
      public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
      }
    }

    /// The address.
    public var address: ListenAddress
    /// The file of tokens.
    public var tokens: String
    /// TLS; nil: none, which only loopback addresses may have.
    public var tls: TLS?
    /// More names that requests may give the daemon.
    public var names: [String]

    /// Where a daemon listens on the network.
    public init(address: ListenAddress, tokens: String, tls: TLS? = nil, names: [String] = []) {
      self.address = address
      self.tokens = tokens
      self.tls = tls
      self.names = names
    }
  }
}

/// A daemon's place on the network, taken.
struct NetworkPlace: Sendable {
  let socket: TCPSocket
  let credentials: Credentials
  private let names: [String]

  /// Reads the credentials and binds the socket.
  ///
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)``,
  ///   ``DaemonError/socket(path:reason:hint:)``.
  init(_ network: Daemon.Network) throws(DaemonError) {
    credentials = try Credentials(tokens: network.tokens, tls: network.tls)
    socket = try TCPSocket(bindingTo: network.address, beyondLoopback: network.tls != nil)
    names = network.names + [network.address.host]
  }

  /// Where it is, for people and programs.
  var url: String {
    "\(credentials.certificate == nil ? "http" : "https")://\(socket.authority)"
  }

  /// The place to listen at.
  func endpoint(logger: Logger) -> Endpoint {
    Endpoint(
      descriptor: socket.descriptor, place: url,
      access: AccessControl(
        credentials: credentials, names: names, refusals: RefusalLog(logger: logger)))
  }
}
