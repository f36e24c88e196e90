import Glibc
import Synchronization

/// Standard error as the daemon's log: who does not read it (a full pipe, a stopped terminal) loses lines,
/// and keeps nobody waiting.
final class LogSink: Sendable {
  /// The longest line: a pipe that has room at all has room for it.
  ///
  /// Unit: bytes. Source: POSIX, `PIPE_BUF`.
  static let longestLine = 4096
  /// How long the first line that finds no room waits for some.
  ///
  /// Unit: milliseconds.
  static let patience: CInt = 1000

  private let dropped = Mutex(0)

  /// Writes a line, or drops it; the next that finds room says how many were dropped before it.
  ///
  /// `lost` puts that into a line.
  func write(_ line: String, lost: (Int) -> String) {
    dropped.withLock { dropped in
      guard Self.hasRoom(within: dropped == 0 ? Self.patience : 0) else {
        dropped += 1
        return
      }
      if dropped > 0 {
        Output.progress(lost(dropped))
        dropped = 0
        guard Self.hasRoom(within: 0) else {
          dropped = 1
          return
        }
      }
      Output.progress(Self.shortened(line))
    }
  }

  private static func hasRoom(within milliseconds: CInt) -> Bool {
    var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    return poll(&descriptor, 1, milliseconds) != 0
  }

  private static func shortened(_ line: String) -> String {
    guard line.utf8.count > longestLine else { return line }
    return String(decoding: line.utf8.prefix(longestLine - 8), as: UTF8.self) + "…\n"
  }
}
