import Glibc
import ProbeStore

/// A Unix socket of one's own, bound and ready to listen at; its file goes when the value does.
///
/// `<socket>.lock` is held for as long, so that of two daemons that start at one moment one refuses.
/// A socket that nobody answers at is a dead daemon's and is taken over; a living one's is not.
struct SocketFile: ~Copyable {
  /// Who may connect.
  enum Access: Hashable, Sendable {
    /// The user that the daemon runs as.
    case owner
    /// The members of a group too, by its number.
    case group(UInt32)
  }

  /// The most bytes that a socket's path may have.
  ///
  /// Source: unix(7), `sun_path`.
  static let longestPath = 107

  /// Where the socket is.
  let path: String
  /// The bound descriptor; whoever listens at it closes it.
  let descriptor: CInt
  private let lock: StoreLock

  /// Binds a socket at a path.
  ///
  /// - Throws: ``DaemonError``.
  init(claiming path: String, access: Access) throws(DaemonError) {
    guard path.utf8.count <= Self.longestPath else {
      throw .socket(
        path: path, reason: "a socket's path has at most \(Self.longestPath) bytes",
        hint: "name a shorter one with --socket")
    }
    let lock = try Self.lock(path)
    try Self.clear(path)
    let descriptor = try Self.bind(path, access)
    self.path = path
    self.descriptor = descriptor
    self.lock = lock
  }

  deinit { unlink(path) }

  private static func lock(_ path: String) throws(DaemonError) -> StoreLock {
    let outcome: StoreLock.Outcome
    do throws(StoreError) { outcome = try StoreLock.tryLock("\(path).lock") } catch {
      throw .socket(path: path, reason: error.reason, hint: error.hint)
    }
    switch consume outcome {
    case .held(let lock): return lock
    case .busy(let holder): throw taken(path, by: holder)
    }
  }

  /// Removes the socket of a dead daemon; refuses whatever else is at the path.
  private static func clear(_ path: String) throws(DaemonError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw .socket(
        path: path, reason: "there is something else than a socket",
        hint: "name another place with --socket")
    }
    guard !isAnswered(path) else { throw taken(path, by: nil) }
    unlink(path)
  }

  /// Whether a process listens at a socket; one whose queue is full lives too.
  private static func isAnswered(_ path: String) -> Bool {
    guard let client = UnixAddress.socket() else { return false }
    defer { close(client) }
    _ = fcntl(client, F_SETFL, O_NONBLOCK)
    return UnixAddress(path).call(connect, on: client) || errno == EAGAIN || errno == EINPROGRESS
  }

  private static func bind(_ path: String, _ access: Access) throws(DaemonError) -> CInt {
    func failed(_ code: CInt) -> DaemonError {
      .socket(
        path: path, reason: String(cString: strerror(code)),
        hint: "check that its folder exists and can be written")
    }
    guard let socket = UnixAddress.socket() else { throw failed(errno) }
    // Before it has a name: the file is made with this mode, and is open to nobody else for a moment.
    fchmod(socket, 0o600)
    guard UnixAddress(path).call(Glibc.bind, on: socket) else {
      let code = errno
      close(socket)
      throw failed(code)
    }
    if case .group(let group) = access {
      guard chown(path, uid_t.max, group) == 0, chmod(path, 0o660) == 0 else {
        let reason = String(cString: strerror(errno))
        close(socket)
        unlink(path)
        throw .socket(
          path: path, reason: "it cannot be given to the group: \(reason)",
          hint: "the daemon's own user must be a member (systemd: SupplementaryGroups=)")
      }
    }
    return socket
  }

  private static func taken(_ path: String, by holder: Int?) -> DaemonError {
    .socket(
      path: path, reason: "another daemon\(holder.map { " (process \($0))" } ?? "") listens there",
      hint: "stop that one, or name another place with --socket")
  }
}
