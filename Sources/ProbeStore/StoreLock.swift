import Glibc

/// The right to write a file: an advisory lock on a file beside it, freed when its holder ends, however it ends.
///
/// A writer of a store holds `<store>.lock`; whoever takes a spool in holds `<spool>/.lock`.
public struct StoreLock: ~Copyable, Sendable {
  private let file: CInt

  /// What came of asking for a lock.
  public enum Outcome: ~Copyable {
    /// It is held now, until the value is destroyed.
    case held(StoreLock)
    /// Another process holds it; its process id, where it says one.
    case busy(holder: Int?)
  }

  /// Asks for a lock without waiting.
  ///
  /// - Throws: ``StoreError`` where the lock file cannot be opened.
  public static func tryLock(_ path: String) throws(StoreError) -> Outcome {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else {
      throw StoreError(
        .failed, action: "lock", subject: path, reason: String(cString: strerror(errno)),
        hint: "check the permissions of the folder")
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      defer { close(file) }
      // The kernel knows at once; what the file says may be the one before's for a moment.
      return .busy(holder: holder(of: path) ?? holder(file))
    }
    // The holder's number is for people; losing it (a full disk) costs nothing.
    // A file of this name that is somebody's own keeps what it holds.
    if isOurs(file) {
      let text = Array("\(getpid())\n".utf8)
      if ftruncate(file, 0) == 0 { _ = pwrite(file, text, text.count, 0) }
    }
    return .held(StoreLock(file: file))
  }

  /// Asks again and again for at most `seconds`.
  public static func lock(_ path: String, waiting seconds: Int) throws(StoreError) -> Outcome {
    for _ in 0..<(seconds * 20) {
      switch try tryLock(path) {
      case .held(let lock): return .held(lock)
      case .busy: usleep(50_000)
      }
    }
    return try tryLock(path)
  }

  private init(file: CInt) { self.file = file }

  deinit { close(file) }

  /// The process that holds a lock now; nil if nobody does.
  ///
  /// Asks the kernel's table of locks and changes nothing. Source: proc(5), locks.
  public static func holder(of path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0, let table = fopen("/proc/locks", "re") else { return nil }
    defer { fclose(table) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, table) > 0, let line {
      // "1: FLOCK  ADVISORY  WRITE 4242 08:01:123456 0 EOF"; the inode closes the sixth field.
      let fields = String(cString: line).split(separator: " ")
      guard fields.count > 5, fields[1] == "FLOCK", fields[3] == "WRITE",
        fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino)
      else { continue }
      return Int(fields[4])
    }
    return nil
  }

  /// Whether a lock file holds nothing but a process's number.
  private static func isOurs(_ file: CInt) -> Bool {
    var text = [UInt8](repeating: 0, count: 32)
    let count = pread(file, &text, text.count, 0)
    return count >= 0 && count < text.count
      && text.prefix(count).allSatisfy { (0x30...0x39).contains($0) || $0 == 0x0A }
  }

  private static func holder(_ file: CInt) -> Int? {
    var text = [UInt8](repeating: 0, count: 20)
    let count = pread(file, &text, text.count, 0)
    guard count > 0 else { return nil }
    return Int(
      String(decoding: text.prefix(count).prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
  }
}
