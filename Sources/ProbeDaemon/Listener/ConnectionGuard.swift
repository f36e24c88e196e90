import NIOCore

/// Closes a connection from the network on which nobody was authorized in time, before TLS and HTTP see
/// anything of it: whoever connects and says nothing, or too slowly, holds a place for no longer.
final class ConnectionGuard: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  /// What the rest of the connection tells this end of it.
  enum Notice: Sendable {
    /// A request with a token of this daemon's has come.
    case authorized
    /// The connection is given up: the peer's part in ending it is not waited for.
    case abandoned
  }

  private let limit: TimeAmount
  private var deadline: Scheduled<Void>?
  private var isAuthorized = false

  init(limit: TimeAmount) { self.limit = limit }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    deadline = context.eventLoop.scheduleTask(in: limit) { bound.value.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func triggerUserOutboundEvent(
    context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
  ) {
    switch event as? Notice {
    case .authorized:
      isAuthorized = true
      deadline?.cancel()
      promise?.succeed()
    case .abandoned: context.close(promise: promise)
    case nil: context.triggerUserOutboundEvent(event, promise: promise)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent, !isAuthorized {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }
}
