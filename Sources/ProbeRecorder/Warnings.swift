internal import Glibc

/// Says each thing once, on standard error.
package struct Warnings {
  private var said: Set<String> = []
  private let write: (String) -> Void

  /// Warnings that go to standard error, or where a test wants them.
  package init(_ write: @escaping (String) -> Void = Warnings.standardError) { self.write = write }

  /// Writes a line, unless this `cause` has been warned of before.
  package mutating func warn(_ message: String, cause: String) {
    guard said.insert(cause).inserted else { return }
    write("resnet-probe: \(message)")
  }

  /// One line on standard error.
  package static func standardError(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
