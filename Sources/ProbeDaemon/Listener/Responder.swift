import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// Answers the requests of one listening place: who may ask, then what is asked.
struct Responder: Sendable {
  let api: API
  let access: AccessControl?
  let limits: Listener.Limits
  /// The answers that are being written, at all places together.
  let answers: MemoryBudget

  /// The connection is of no use after this answer.
  private struct Finished: Error {}

  /// Answers a request.
  ///
  /// - Throws: where the connection is of no use any more.
  @Sendable func respond(
    _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel
  ) async throws {
    let deadline = channel.eventLoop.scheduleTask(in: limits.request) {
      channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    var (answer, isLast) = try await answer(to: request, &writer, channel)
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

  /// The answer, and whether it is the connection's last: where a body comes that nobody wants.
  private func answer(
    to request: Request, _ writer: inout ResponseWriter, _ channel: any Channel
  ) async throws -> (Answer, isLast: Bool) {
    let scopes: Set<TokenScope>
    do throws(Problem) { scopes = try authorize(request, on: channel) } catch {
      access?.refusals.note(error.status, on: channel)
      return (error.answer, request.contentLength != 0)
    }
    guard request.contentLength ?? 0 <= JournalIntake.longestBody else {
      return (JournalIntake.tooLong.answer, true)
    }
    if request.headers[.expect]?.lowercased() == "100-continue" {
      try await writer.writeInformationalHead(HTTPResponse(status: .continue))
    }
    let answer = try await api.answer(request, scopes: scopes)
    if answer.status == .forbidden { access?.refusals.note(answer.status, on: channel) }
    let isUnwanted = answer.status == .contentTooLarge || answer.status == .forbidden
    return (answer, isUnwanted && request.contentLength != 0)
  }

  private func authorize(
    _ request: Request, on channel: any Channel
  ) throws(Problem) -> Set<TokenScope> {
    guard let access else { return Set(TokenScope.allCases) }
    let scopes = try access.scopes(of: request.head)
    channel.triggerUserOutboundEvent(ConnectionGuard.Notice.authorized, promise: nil)
    return scopes
  }
}
