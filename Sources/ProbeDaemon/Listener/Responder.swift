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
    for try await piece in request.body {
      left -= piece.readableBytes
      if left <= 0 { break }
    }
    throw Finished()
  }

  /// The answer, and whether it is the connection's last: where a body comes that nobody wants.
  private func answer(
    to request: Request, _ writer: inout ResponseWriter, _ channel: any Channel
  ) async throws -> (Answer, isLast: Bool) {
    let route: Route
    do throws(Problem) { route = try self.route(request, on: channel) } catch {
      return (error.answer, access != nil && request.contentLength != 0)
    }
    guard request.contentLength ?? 0 <= JournalIntake.longestBody else {
      return (JournalIntake.tooLong.answer, true)
    }
    if request.headers[.expect]?.lowercased() == "100-continue" {
      try await writer.writeInformationalHead(HTTPResponse(status: .continue))
    }
    let answer = try await api.answer(request, asking: route)
    return (answer, answer.status == .contentTooLarge)
  }

  /// What a request asks for, if its sender may; that one may not is noted.
  private func route(_ request: Request, on channel: any Channel) throws(Problem) -> Route {
    guard let access else { return try api.route(request, scopes: Set(TokenScope.allCases)) }
    do throws(Problem) {
      let scopes = try access.scopes(of: request.head)
      channel.triggerUserOutboundEvent(ConnectionGuard.Notice.authorized, promise: nil)
      return try api.route(request, scopes: scopes)
    } catch {
      if [.unauthorized, .forbidden, .misdirectedRequest].contains(error.status) {
        access.refusals.note(error.status, on: channel)
      }
      throw error
    }
  }
}
