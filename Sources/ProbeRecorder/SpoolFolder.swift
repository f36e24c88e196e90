internal import Glibc

/// An opened spool: a real folder of this user, reached through its descriptor from then on.
///
/// Symbolic links are not followed and others' files are passed over.
package final class SpoolFolder {
  /// The descriptor of the folder.
  let descriptor: Int32
  private let limit: Int

  /// Opens the folder, creating it and its parents with mode 0700.
  ///
  /// - Throws: ``RecorderError`` where it cannot be made, is a symbolic link or is another user's.
  package init(_ spool: Spool) throws(RecorderError) {
    guard let path = spool.path else {
      throw Self.error(
        "in the home folder", "neither RESNET_PROBE_SPOOL, XDG_STATE_HOME nor HOME is set")
    }
    limit = spool.limit
    Self.create(path)
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      let number = errno
      let reason = Self.isLink(path) ? "it is a symbolic link" : RecorderError.words(for: number)
      throw Self.error(path, reason)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_uid == geteuid() else {
      close(descriptor)
      throw Self.error(path, "it belongs to another user")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Removes the oldest delivered files until `bytes` more fit under the limit.
  ///
  /// What is not delivered is never removed. Returns how many bytes fit then. Complexity: reads the
  /// listings of the folder and of `delivered/`.
  package func makeRoom(for bytes: Int) -> Int {
    let pending = files(in: descriptor)
    let delivered = openat(
      descriptor, "delivered", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    defer { if delivered >= 0 { close(delivered) } }
    var oldest = delivered >= 0 ? files(in: delivered) : []
    oldest.sort { ($0.modified, $0.name) < ($1.modified, $1.name) }
    var used = (pending + oldest).reduce(0) { $0 + $1.bytes }
    for file in oldest where used + bytes > limit {
      if unlinkat(delivered, file.name, 0) == 0 || errno == ENOENT { used -= file.bytes }
    }
    return max(0, limit - used)
  }

  private struct File {
    var name: String
    var bytes: Int
    var modified: Int
  }

  /// The regular files of this user in a folder; names that are not UTF-8 are passed over.
  private func files(in folder: Int32) -> [File] {
    // A stream of its own: fdopendir takes its descriptor over.
    let own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0 else { return [] }
    guard let stream = fdopendir(own) else {
      close(own)
      return []
    }
    defer { closedir(stream) }
    var files: [File] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name else { continue }
      var status = stat()
      guard fstatat(own, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
        status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid()
      else { continue }
      files.append(
        File(name: name, bytes: Int(status.st_size), modified: Int(status.st_mtim.tv_sec)))
    }
    return files
  }

  /// Makes the folder and what is missing above it; what goes wrong shows when it is opened.
  private static func create(_ path: String) {
    var end = path.utf8.startIndex
    while end < path.utf8.endIndex {
      let start = path.utf8.index(after: end)
      end = path.utf8[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.utf8.endIndex
      mkdir(String(path[..<end]), 0o700)
    }
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  private static func error(_ path: String, _ reason: String) -> RecorderError {
    RecorderError(
      attempted: "open the spool", subject: path, reason: reason,
      remedy: "set RESNET_PROBE_SPOOL to a folder of your own")
  }
}
