internal import Glibc
package import ProbeWire

/// One segment of a journal on disk, open for appending.
///
/// Each append is one write(2) into the page cache, without fsync: a process that is killed loses
/// nothing that write(2) took, and the loop never waits for a disk. A write that is cut short is
/// taken back, so that the file always ends with a whole record.
package final class SegmentFile {
  /// Why bytes were not appended.
  package enum Refusal: Error, Sendable, Hashable {
    /// The file system, a quota or RLIMIT_FSIZE has no room; the file is as it was.
    case full
    /// The system refused otherwise, with this error number; the file is as it was.
    case failed(Int32)
    /// A cut write could not be taken back: the segment must not be appended to any more.
    case torn(Int32)
  }

  /// The segment.
  package let identity: SegmentIdentity
  /// The bytes of whole records and the header.
  package private(set) var length = 0
  private let descriptor: Int32

  /// Creates the segment's file, which must not exist yet, with its first bytes.
  ///
  /// Where these do not fit the file is gone again.
  package init(
    _ identity: SegmentIdentity, startingWith head: [UInt8], in folder: SpoolFolder
  ) throws(Refusal) {
    self.identity = identity
    descriptor = openat(
      folder.descriptor, identity.fileName,
      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0o600)
    guard descriptor >= 0 else { throw Self.refusal(errno) }
    // Whoever takes journals in sees by this lock that the recorder lives; the kernel frees it when
    // the process ends, however that ends. Where the file system knows no locks there is none.
    flock(descriptor, LOCK_EX | LOCK_NB)
    do throws(Refusal) {
      try append(head)
    } catch {
      unlinkat(folder.descriptor, identity.fileName, 0)
      throw error
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends whole records, all of them or none.
  package func append(_ bytes: [UInt8]) throws(Refusal) {
    // A write past RLIMIT_FSIZE raises SIGXFSZ, which would end the training process.
    guard length + bytes.count <= Self.greatestLength else { throw .full }
    var written: Int
    repeat { written = write(descriptor, bytes, bytes.count) } while written < 0 && errno == EINTR
    if written == bytes.count {
      length += written
      return
    }
    let number = written < 0 ? errno : ENOSPC
    if written > 0 {
      guard ftruncate(descriptor, off_t(length)) == 0 else { throw .torn(errno) }
    }
    throw Self.refusal(number)
  }

  /// Whether the file is gone from every folder, so that what is appended could never be read.
  package var isUnlinked: Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_nlink == 0
  }

  /// The longest file that this process may write.
  ///
  /// Unit: bytes.
  package static var greatestLength: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  private static func refusal(_ number: Int32) -> Refusal {
    number == ENOSPC || number == EDQUOT || number == EFBIG ? .full : .failed(number)
  }
}
