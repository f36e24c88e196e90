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

/// Accepts connections at a bound socket and answers their requests.
///
/// hummingbird's own server unlinks a living daemon's socket and serves a thousand connections
/// unfairly, so only its HTTP channel is used (0009-listener.md).
struct Listener: Service {
  /// How much one client, and all of them, may take.
  struct Limits: Sendable {
    /// The most connections; one more is closed at once.
    var connections = 2048
    /// The connections that may wait to be accepted.
    var backlog: CInt = 4096
    /// How long a connection may be silent between two requests, or in the middle of one.
    var idle = TimeAmount.seconds(60)
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

  let descriptor: CInt
  let api: API
  let logger: Logger
  let limits: Limits
  /// The answers that are being written.
  private let answers: MemoryBudget
  /// Called once connections are accepted.
  let onListening: @Sendable () -> Void
  /// Called once no more are.
  let onStopping: @Sendable () -> Void

  init(
    descriptor: CInt, api: API, logger: Logger, limits: Limits = Limits(),
    onListening: @escaping @Sendable () -> Void, onStopping: @escaping @Sendable () -> Void
  ) {
    self.descriptor = descriptor
    self.api = api
    self.logger = logger
    self.limits = limits
    self.onListening = onListening
    self.onStopping = onStopping
    answers = MemoryBudget(limit: limits.answers)
  }

  func run() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let quiescing = ServerQuiescingHelper(group: group)
    let channel = HTTP1Channel(responder: respond, configuration: configuration)
    let silent = Logger(label: "http") { _ in SwiftLogNoOpLogHandler() }
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
      .bind(descriptor) { channel.setup(channel: $0, logger: silent) }
    // Once more: given a bound descriptor, NIO listens with its own backlog of 128.
    listen(descriptor, limits.backlog)
    let open = ConnectionCount()
    await withGracefulShutdownHandler {
      onListening()
      await withDiscardingTaskGroup { tasks in
        do {
          try await server.executeThenClose { connections in
            for try await connection in connections {
              let isOneTooMany = open.add(1) > limits.connections
              tasks.addTask {
                defer { open.add(-1) }
                if isOneTooMany {
                  open.tellOnce {
                    logger.warning(
                      "over \(limits.connections) connections: more are closed at once")
                  }
                  try? await connection.executeThenClose { _, _ in }
                } else {
                  await channel.handle(value: connection, logger: silent)
                }
              }
            }
          }
        } catch { logger.error("cannot accept connections: \(error)") }
      }
    } onGracefulShutdown: {
      onStopping()
      quiescing.initiateShutdown(promise: nil)
    }
  }

  private var configuration: HTTP1Channel.Configuration {
    HTTP1Channel.Configuration(
      idleTimeout: limits.idle,
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: limits.head, maxHeaderListSize: limits.head,
        maxHeaderFieldCount: limits.fields))
  }

  /// The connection is of no use after this answer.
  private struct Finished: Error {}

  @Sendable private func respond(
    _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel
  ) async throws {
    let deadline = channel.eventLoop.scheduleTask(in: limits.request) {
      channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    let isUnwanted = (request.contentLength ?? 0) > JournalIntake.longestBody
    if request.headers[.expect]?.lowercased() == "100-continue", !isUnwanted {
      try await writer.writeInformationalHead(HTTPResponse(status: .continue))
    }
    var answer = isUnwanted ? JournalIntake.tooLong.answer : try await api.answer(request)
    let isLast = isUnwanted || answer.status == .contentTooLarge
    if isLast { answer.headers[.connection] = "close" }
    // Lent until the client has read it: one that never does shall not make answers pile up.
    var loan = answers.loan(atMost: limits.answers)
    if answer.body.utf8.count > limits.shortAnswer {
      do throws(DaemonError) { try loan.grow(by: answer.body.utf8.count) } catch {
        answer = Problem(.tooManyReads).answer
      }
    }
    let body = ByteBuffer(string: answer.body)
    answer.headers[.contentLength] = "\(body.readableBytes)"
    try await writer.write(
      response: HTTPResponse(status: answer.status, headerFields: answer.headers),
      body: request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: body))
    guard isLast else { return }
    // Closed with bytes unread, a client that still sends would not see the answer.
    var left = limits.unwanted
    for try await piece in request.body where left > 0 { left -= piece.readableBytes }
    throw Finished()
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
