import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Accepts connections at bound sockets and has their requests answered.
///
/// hummingbird's own server unlinks a living daemon's socket and serves a thousand connections
/// unfairly, so only its HTTP channel is used (0009-listener.md).
struct Listener: Service {
  /// How much one client, and all of them, may take.
  struct Limits: Sendable {
    /// The most connections at one place; one more is closed at once.
    var connections = 2048
    /// The connections that may wait to be accepted.
    var backlog: CInt = 4096
    /// How long a connection may be silent between two requests, or in the middle of one.
    var idle = TimeAmount.seconds(60)
    /// How long a connection from the network may take until a request with a right token has come, the TLS
    /// handshake included.
    var authorization = TimeAmount.seconds(10)
    /// How long a request may take from its head to the last byte of its answer.
    var request = TimeAmount.seconds(120)
    /// The bytes of a request's head.
    var head = 16 << 10
    /// The fields of a request's head.
    var fields = 64
    /// The bytes read from a connection at a time.
    var piece = 32 << 10
    /// The bytes of answers that are being written; short ones do not count.
    var answers = 64 << 20
    /// An answer of up to this many bytes is short.
    var shortAnswer = 64 << 10
    /// How much of a body that was not wanted is read before the connection is closed.
    var unwanted = 1 << 20
  }

  /// Where it listens.
  let endpoints: [Endpoint]
  let api: API
  let logger: Logger
  let limits: Limits
  /// The answers that are being written.
  private let answers: MemoryBudget
  /// Called once connections are accepted everywhere.
  let onListening: @Sendable () -> Void
  /// Called once no more are.
  let onStopping: @Sendable () -> Void

  init(
    endpoints: [Endpoint], api: API, logger: Logger, limits: Limits = Limits(),
    onListening: @escaping @Sendable () -> Void, onStopping: @escaping @Sendable () -> Void
  ) {
    self.endpoints = endpoints
    self.api = api
    self.logger = logger
    self.limits = limits
    self.onListening = onListening
    self.onStopping = onStopping
    answers = MemoryBudget(limit: limits.answers)
  }

  func run() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    var servers: [Server] = []
    for endpoint in endpoints { servers.append(try await bind(endpoint, on: group)) }
    let listening = servers
    await withGracefulShutdownHandler {
      onListening()
      do {
        try await withThrowingDiscardingTaskGroup { tasks in
          for server in listening { tasks.addTask { try await accept(at: server) } }
        }
      } catch { logger.error("cannot accept connections: \(error)") }
    } onGracefulShutdown: {
      onStopping()
      for server in listening { server.quiescing.initiateShutdown(promise: nil) }
    }
    for endpoint in endpoints { endpoint.access?.refusals.finish() }
  }

  /// A place where connections come in.
  private struct Server: Sendable {
    let endpoint: Endpoint
    let http: HTTP1Channel
    let channel: NIOAsyncChannel<HTTP1Channel.Value, Never>
    let quiescing: ServerQuiescingHelper
  }

  private static let silent = Logger(label: "http") { _ in SwiftLogNoOpLogHandler() }

  private func bind(_ endpoint: Endpoint, on group: any EventLoopGroup) async throws -> Server {
    let quiescing = ServerQuiescingHelper(group: group)
    let responder = Responder(api: api, access: endpoint.access, limits: limits, answers: answers)
    let http = HTTP1Channel(responder: responder.respond, configuration: configuration)
    let server = try await ServerBootstrap(group: group)
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
      .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
      .childChannelOption(
        ChannelOptions.recvAllocator,
        value: FixedSizeRecvByteBufferAllocator(capacity: limits.piece)
      )
      .serverChannelInitializer { server in
        server.eventLoop.makeCompletedFuture {
          // Out of descriptors, it tries again in a second instead of at once.
          try server.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
          try server.pipeline.syncOperations.addHandler(
            quiescing.makeServerChannelHandler(channel: server))
        }
      }
      .bind(endpoint.descriptor) { channel in
        channel.eventLoop.makeCompletedFuture {
          try endpoint.guardConnection(channel, limits: limits)
        }
        .flatMap { http.setup(channel: channel, logger: Self.silent) }
      }
    // Once more: given a bound descriptor, NIO listens with its own backlog of 128.
    listen(endpoint.descriptor, limits.backlog)
    return Server(endpoint: endpoint, http: http, channel: server, quiescing: quiescing)
  }

  private func accept(at server: Server) async throws {
    let open = ConnectionCount()
    try await withThrowingDiscardingTaskGroup { tasks in
      try await server.channel.executeThenClose { connections in
        for try await connection in connections {
          let isOneTooMany = open.add(1) > limits.connections
          tasks.addTask {
            defer { open.add(-1) }
            await withTaskCancellationHandler {
              if isOneTooMany {
                open.tellOnce {
                  logger.warning(
                    "over \(limits.connections) connections at \(server.endpoint.place): more are closed at once"
                  )
                }
                Self.abandon(connection)
                try? await connection.executeThenClose { _, _ in }
              } else {
                await server.http.handle(value: connection, logger: Self.silent)
              }
            } onCancel: {
              Self.abandon(connection)
            }
          }
        }
      }
    }
  }

  /// Closes a connection of the network whatever its peer does; one of a Unix socket hears nothing of it.
  private static func abandon(_ connection: HTTP1Channel.Value) {
    connection.channel.triggerUserOutboundEvent(ConnectionGuard.Notice.abandoned, promise: nil)
  }

  private var configuration: HTTP1Channel.Configuration {
    HTTP1Channel.Configuration(
      idleTimeout: limits.idle,
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: limits.head, maxHeaderListSize: limits.head,
        maxHeaderFieldCount: limits.fields))
  }
}

/// How many connections are open.
private final class ConnectionCount: Sendable {
  private let count = Atomic(0)
  private let isTold = Atomic(false)

  /// Says something the first time.
  func tellOnce(_ say: () -> Void) {
    if !isTold.exchange(true, ordering: .relaxed) { say() }
  }

  @discardableResult
  func add(_ change: Int) -> Int { count.add(change, ordering: .relaxed).newValue }
}
