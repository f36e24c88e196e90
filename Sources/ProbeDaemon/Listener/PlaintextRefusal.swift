import HTTPTypes
import NIOCore

/// Answers HTTP without TLS, where TLS is spoken, with one line that says so, and closes the connection.
final class PlaintextRefusal: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// The first byte of a TLS connection: a record of a handshake.
  ///
  /// Source: RFC 8446, section 5.1.
  private static let handshake: UInt8 = 22

  private var isRefused = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // What comes after a refusal is read and dropped.
    guard !isRefused else { return }
    guard let first = unwrapInboundIn(data).readableBytesView.first else { return }
    if first == Self.handshake {
      context.fireChannelRead(data)
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
      return
    }
    isRefused = true
    // A method begins with a capital letter; whatever else it is would not understand an answer.
    guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
      return context.close(promise: nil)
    }
    let answer = Problem(.badRequest, "this is a TLS port: ask with https://").answer
    let text = """
      HTTP/1.1 400 Bad Request\r
      Content-Type: application/problem+json\r
      Content-Length: \(answer.body.utf8.count)\r
      Connection: close\r
      \r
      \(answer.body)
      """
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
      bound.value.close(promise: nil)
    }
  }
}
