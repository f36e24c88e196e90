import Glibc
import HTTPTypes
import HummingbirdCore
import NIOCore
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
  /// Where it listens on the network; nil: nowhere.
  let network: NetworkPlace?

  /// What a request asks for, if its sender may ask for it.
  ///
  /// - Throws: ``Problem``; 403 where no scope of the sender's opens it.
  func route(_ request: Request, scopes: Set<TokenScope>) throws(Problem) -> Route {
    let route = try Route(method: request.method, uri: request.uri)
    guard !route.scopes.isDisjoint(with: scopes) else {
      throw .beyond(scopes, needing: route.scopes)
    }
    return route
  }

  /// Answers a request for something; whatever goes wrong is a ``Problem``.
  ///
  /// - Throws: where the connection is of no use any more.
  func answer(_ request: Request, asking route: Route) async throws -> Answer {
    do {
      return try await answer(route, length: request.contentLength, body: request.body)
    } catch let problem as Problem {
      if let offset = problem.offset, problem.status == .unprocessableContent {
        ledger.noteRefusal("\(request.uri.path) at byte \(offset): \(problem.detail)")
      }
      return problem.answer
    } catch let error as DaemonError {
      return Problem(error).answer
    } catch let error as StoreError {
      return Problem(.store(error)).answer
    }
  }

  private func answer(_ route: Route, length: Int?, body: RequestBody) async throws -> Answer {
    switch route {
    case .append(let segment, let offset):
      return try await journals.take(segment, from: offset, length: length, body: body)
    case .health:
      return await health.answer
    // Reading takes milliseconds to seconds: on threads of their own, so that bodies go on.
    case .runs:
      return try await WorkThreads.read { try reads.runs(at: Double(time(nil))) }
    case .report(let selector):
      return try await WorkThreads.read { try reads.report(selector) }
    case .series(let selector, let ordinal, let series):
      return try await WorkThreads.read { try reads.series(selector, ordinal: ordinal, series) }
    }
  }

  private var health: Health {
    get async {
      let (state, queue) = (ledger.now, await journals.writer.queue)
      let failure = state.failure.map { "\($0); \($0.hint)" } ?? Self.gone(reads.path, file)
      return Health(
        status: failure == nil ? .ok : .failing, problem: failure, version: Release.version,
        process: Int(getpid()), startedAt: startedAt, store: reads.path,
        storeUuid: journals.store.description, spool: spool, url: network?.url,
        certificateExpiresAt: network?.credentials.certificate?.expiresAt,
        diskFreeBytes: Health.freeBytes(holding: reads.path),
        spoolDiskFreeBytes: spool.flatMap(Health.freeBytes), lastCommitAt: state.lastCommitAt,
        frames: state.frames, pendingSegments: spool.map { SpoolListing(of: $0).pending.count },
        queueBatches: queue.batches, queueBytes: queue.bytes, bodiesBytes: journals.budget.inUse,
        bodiesLimitBytes: journals.budget.limit)
    }
  }

  private static func gone(_ path: String, _ file: FileIdentity) -> String? {
    file.isStill(at: path)
      ? nil : "the store \(path) was deleted or replaced while it was open"
  }
}

extension Request {
  /// The size that the body's sender states; nil where it is sent in chunks.
  var contentLength: Int? {
    if let stated = headers[.contentLength] { return Int(stated) ?? Int.max }
    return headers[.transferEncoding] == nil ? 0 : nil
  }
}
