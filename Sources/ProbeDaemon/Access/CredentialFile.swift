import Glibc

/// A file of secrets or of what goes with them, as it lies on the disk.
struct CredentialFile {
  /// The most bytes of one.
  static let longest = 1 << 20

  /// What it is, as in "the token file".
  let name: String
  /// Where it is.
  let path: String
  /// Whether nobody but its owner may read it.
  let isSecret: Bool

  /// Its bytes, all of them.
  ///
  /// A link is followed to the file that it leads to, which has to be right itself.
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)`` where it is no plain file, another
  ///   user's, open to others or cannot be read.
  func read() throws(DaemonError) -> [UInt8] {
    // A pipe shall be refused, not waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      throw flawed(String(cString: strerror(errno)), hint: "check the path and who may read it")
    }
    defer { close(descriptor) }
    let size = try check(descriptor)
    var bytes = [UInt8](repeating: 0, count: size)
    var length = 0
    while length < size {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + length, size - length)
      }
      if count > 0 {
        length += count
      } else if count == 0 {
        break
      } else if errno != EINTR {
        throw flawed(String(cString: strerror(errno)), hint: "check its disk")
      }
    }
    return Array(bytes.prefix(length))
  }

  /// Whether an open file may be used as this one.
  ///
  /// - Returns: its size in bytes.
  func check(_ descriptor: CInt) throws(DaemonError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw flawed(String(cString: strerror(errno)), hint: "check its disk")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw flawed("it is no plain file", hint: "name a file")
    }
    if isSecret {
      guard status.st_uid == geteuid() else {
        throw flawed("it belongs to another user", hint: "give it to the daemon's own with `chown`")
      }
      guard status.st_mode & 0o077 == 0 else {
        let mode = String(status.st_mode & 0o777, radix: 8)
        throw flawed(
          "its mode 0\(mode) lets others at it", hint: "`chmod 600` keeps it to its owner")
      }
    }
    guard status.st_size <= Self.longest else {
      throw flawed("it has more than \(Self.longest >> 20) MiB", hint: "name the right file")
    }
    return Int(status.st_size)
  }

  /// Why it cannot be used.
  func flawed(_ reason: String, hint: String) -> DaemonError {
    .credentials(name: name, path: path, reason: reason, hint: hint)
  }
}
