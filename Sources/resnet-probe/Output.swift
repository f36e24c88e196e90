import Glibc
import ProbeReport

/// Standard output and standard error.
enum Output {
  /// Standard output took not all.
  struct Failed: Error, CustomStringConvertible {
    let reason: String
    var description: String { "cannot write the output: \(reason)" }
  }

  /// Writes text to standard output, all of it.
  ///
  /// - Throws: ``Failed``.
  static func write(_ text: String) throws(Failed) {
    try write(Array(text.utf8), to: STDOUT_FILENO)
  }

  /// Writes one line for a person to standard error; what is not printable in it is escaped.
  static func note(_ line: String) {
    try? write(Array("resnet-probe: \(PrintableText.escape(line))\n".utf8), to: STDERR_FILENO)
  }

  /// Writes progress to standard error as it is.
  static func progress(_ text: String) { try? write(Array(text.utf8), to: STDERR_FILENO) }

  private static func write(_ bytes: [UInt8], to file: CInt) throws(Failed) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(file, $0.baseAddress! + written, bytes.count - written)
      }
      if count > 0 {
        written += count
      } else if errno == EAGAIN {
        // A reader that is slow at the other end of a pipe that does not wait: wait for it here.
        var ready = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if errno != EINTR {
        throw Failed(reason: String(cString: strerror(errno)))
      }
    }
  }
}

/// What is known of the terminal behind a file descriptor.
struct Terminal {
  /// The columns: COLUMNS where it is set, else the terminal's; nil where there is none.
  let width: Int?
  /// Whether it takes colours: a terminal that is not dumb, and NO_COLOR is not set.
  let hasColour: Bool

  /// The terminal behind standard output, or another descriptor.
  init(_ file: CInt = STDOUT_FILENO) {
    let wanted = Environment.value("COLUMNS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    guard isatty(file) == 1 else {
      width = wanted
      hasColour = false
      return
    }
    var size = winsize()
    let columns = ioctl(file, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : 0
    width = wanted ?? (columns > 0 ? columns : 80)
    let isDumb = Environment.value("TERM") == "dumb"
    hasColour = !isDumb && Environment.value("NO_COLOR") == nil
  }
}
