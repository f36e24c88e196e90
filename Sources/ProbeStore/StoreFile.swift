import Glibc

/// What must hold of a path before SQLite is let near it.
enum StoreFile {
  /// Refuses folders, other kinds of file and network file systems, each with its own words.
  static func check(_ path: String, action: String, mustExist: Bool) throws(StoreError) {
    func refuse(
      _ reason: String, _ hint: String, kind: StoreError.Kind = .failed
    ) -> StoreError {
      StoreError(kind, action: action, subject: path, reason: reason, hint: hint)
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      let code = errno
      guard code == ENOENT else {
        throw refuse(String(cString: strerror(code)), "check the path and its permissions")
      }
      if mustExist {
        throw refuse(
          "there is no such file",
          "`resnet-probe demo` makes one; `--store PATH` or RESNET_PROBE_STORE names another",
          kind: .noStore)
      }
      guard stat(folder(of: path), &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw refuse("there is no folder \(folder(of: path))", "make the folder first")
      }
      try checkFileSystem(path, action: action)
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw refuse("it is a folder", "name a file in it with --store")
    case S_IFREG: break
    default: throw refuse("it is no regular file", "name a file with --store")
    }
    // Asked, not opened: closing a descriptor of the file drops SQLite's locks on it in the whole process
    // (fcntl(2)), and the next visitor would delete the write-ahead log under a daemon.
    guard access(path, R_OK) == 0 else {
      throw refuse(String(cString: strerror(errno)), "check the permissions of the file")
    }
    // An empty file is a store that another process is just making, or never was one.
    if status.st_size == 0 && mustExist {
      throw refuse("it is empty", "name another file with --store", kind: .noStore)
    }
    if !mustExist { try checkFileSystem(path, action: action) }
  }

  /// A read-only file in a folder that cannot be written, without a WAL, can only be read as immutable.
  static func pathForReading(_ path: String) -> String {
    guard access(path, W_OK) != 0, access(folder(of: path), W_OK) != 0,
      access(path + "-wal", F_OK) != 0
    else { return path }
    var escaped = ""
    for byte in path.utf8 {
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte) || byte == 0x2F || byte == 0x2E || byte == 0x2D
        || byte == 0x5F
      let hex = String(byte, radix: 16, uppercase: true)
      escaped += isPlain ? String(UnicodeScalar(byte)) : (hex.count == 1 ? "%0" : "%") + hex
    }
    return "file:\(path.hasPrefix("/") ? "//" : "")\(escaped)?immutable=1"
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func checkFileSystem(_ path: String, action: String) throws(StoreError) {
    guard let kind = NetworkFileSystem.kind(holding: folder(of: path)) else { return }
    throw StoreError(
      .failed, action: action, subject: path,
      reason: "it lies on a network file system (\(kind)), where SQLite's locks are not safe",
      hint: "keep the store on a local disk (RESNET_PROBE_STORE=/local/…); the spool may stay there"
    )
  }
}
