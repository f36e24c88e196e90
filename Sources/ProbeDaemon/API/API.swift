import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ProbeCore
import ProbeStore

/// What the daemon answers: one function from a request to an answer.
struct API: Sendable {
  let journals: JournalIntake
  let reads: Reads
  let ledger: IntakeLedger
  let file: FileIdentity
  let spool: String?
  let startedAt: Double
  let logger: Logger

  /// Answers a request; whatever goes wrong is a ``Problem``.
  ///
  /// - Throws: where the connection is of no use any more.
  func answer(_ request: Request) async throws -> Answer {
    do {
      return try await answer(
        Route(method: request.method, uri: request.uri), length: request.contentLength,
        body: request.body)
    } catch let problem as Problem {
      return problem.answer
    } catch let error as DaemonError {
      return log(Problem(error)).answer
    } catch let error as StoreError {
      return log(Problem(.store(error))).answer
    }
  }

  private func answer(_ route: Route, length: Int?, body: RequestBody) async throws -> Answer {
    switch route {
    case .append(let segment, let offset):
      return try await journals.take(segment, from: offset, length: length, body: body)
    case .health:
      let queue = await journals.writer.queue
      let health = Health(
        path: reads.path, store: journals.store, file: file, spool: spool, startedAt: startedAt,
        ledger: ledger.now, queue: queue, budget: journals.budget)
      return health.answer(at: Double(time(nil)))
    // Reading takes milliseconds to seconds: on threads of their own, so that bodies go on.
    case .runs:
      return try await reading { try reads.runs(at: Double(time(nil))) }
    case .report(let selector):
      return try await reading { try reads.report(selector) }
    case .series(let selector, let ordinal, let series):
      return try await reading { try reads.series(selector, ordinal: ordinal, series) }
    }
  }

  private func reading(_ body: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await NIOThreadPool.singleton.runIfActive(body)
  }

  private func log(_ problem: Problem) -> Problem {
    if problem.status.kind == .serverError { logger.warning("\(problem.detail)") }
    return problem
  }
}

extension Request {
  /// The size that the body's sender states; nil where it is sent in chunks.
  var contentLength: Int? {
    if let stated = headers[.contentLength] { return Int(stated) ?? Int.max }
    return headers[.transferEncoding] == nil ? 0 : nil
  }
}
