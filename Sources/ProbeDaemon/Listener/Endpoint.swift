import NIOCore
import NIOSSL

/// A place that the daemon listens at.
struct Endpoint: Sendable {
  /// The bound socket's descriptor.
  let descriptor: CInt
  /// Its path or URL.
  let place: String
  /// Who may ask what there; nil: whoever can connect may ask all, as at a Unix socket.
  let access: AccessControl?

  /// Puts before a new connection's HTTP what the network needs: a time limit, and TLS where there is a
  /// certificate.
  func guardConnection(_ channel: any Channel, limits: Listener.Limits) throws {
    guard let access else { return }
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(ConnectionGuard(limit: limits.authorization))
    guard let certificate = access.credentials.certificate else { return }
    try pipeline.addHandler(PlaintextRefusal())
    try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context))
  }
}
