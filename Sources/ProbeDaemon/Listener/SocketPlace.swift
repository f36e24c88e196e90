import Glibc

/// Where a store's daemon listens unless it is told another place: a folder beside the store that only its
/// user can enter.
public enum SocketPlace {
  /// The socket's path: `<store>.run/socket`.
  public static func path(forStore store: String) -> String { "\(store).run/socket" }

  /// Makes the folder, mode 0700.
  ///
  /// - Throws: ``DaemonError`` where it cannot be made, is another user's or lets others in.
  public static func makeFolder(forStore store: String) throws(DaemonError) {
    let folder = "\(store).run"
    mkdir(folder, 0o700)
    var status = stat()
    guard lstat(folder, &status) == 0 else {
      throw .socket(
        path: path(forStore: store), reason: String(cString: strerror(errno)),
        hint: "check that its folder can be written, or name another place with --socket")
    }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
      status.st_mode & 0o077 == 0
    else {
      throw .socket(
        path: path(forStore: store), reason: "\(folder) is no folder that only you can enter",
        hint: "remove it, or `chmod 700` it if it is yours")
    }
  }
}
