import Glibc
import HTTPTypes
import Logging
import NIOCore
import Synchronization

/// Logs refused requests, at most one line a minute in all: a client that guesses shall not fill a disk.
final class RefusalLog: Sendable {
  private struct State {
    var tally = RefusalTally()
    var peer = ""
    var status = HTTPResponse.Status.unauthorized
  }

  private let logger: Logger
  private let state = Mutex(State())

  init(logger: Logger) { self.logger = logger }

  /// A request from the other end of a channel was answered with a status.
  func note(_ status: HTTPResponse.Status, on channel: any Channel) {
    let action = state.withLock { state in
      state.peer = channel.remoteAddress?.ipAddress ?? "an unknown address"
      state.status = status
      return state.tally.note(at: Self.now)
    }
    carryOut(action, on: channel.eventLoop)
  }

  /// Logs what was not told yet.
  func finish() {
    let action = state.withLock { $0.tally.due(at: Self.now) }
    if case .tell(let count) = action { tell(count) }
  }

  private func carryOut(_ action: RefusalTally.Action, on eventLoop: any EventLoop) {
    switch action {
    case .count: break
    case .wait(let seconds):
      _ = eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000) + 1)) {
        self.carryOut(self.state.withLock { $0.tally.due(at: Self.now) }, on: eventLoop)
      }
    case .tell(let count): tell(count)
    }
  }

  private func tell(_ count: Int) {
    let (peer, status) = state.withLock { ($0.peer, $0.status) }
    let requests = count == 1 ? "a request" : "\(count) requests, the last"
    logger.warning("refused \(requests) from \(peer): \(status.code) \(status.reasonPhrase)")
  }

  /// Unit: seconds since some time; no change of the clock moves it.
  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
