import Glibc
import ProbeCore
public import ProbeStore
public import ProbeWire

/// Takes what is pending in a spool into a store and moves aside what is done with.
///
/// The caller holds the spool's lock and the store's. A segment is done with when nobody writes it
/// any more (its recorder holds a lock on it while it lives) and its end was read, a later segment
/// of its journal exists, or it has not changed for a minute. It moves to `delivered/`; one that
/// cannot be read to its end keeps its place with `.damaged` at the end of its name.
public struct SpoolIngest {
  /// What came of it.
  public struct Account: Sendable {
    /// One for each segment that was looked into.
    public var segments: [SegmentAccount] = []

    /// The runs that something new was taken in of.
    public var runs: Set<Int> {
      Set(segments.filter { $0.frames > 0 || $0.isFinished }.compactMap(\.runID))
    }
  }

  /// A segment that is silent this long ends as it is.
  ///
  /// Unit: seconds.
  static let silence = 60

  private let folder: String

  /// The intake of a spool folder.
  public init(folder: String) { self.folder = folder }

  /// The segments in the spool; nothing where there is no folder.
  ///
  /// The journal that was written to least recently comes first, its segments by number: runs get
  /// their numbers about as they came.
  ///
  /// Symbolic links and files of other users are passed over.
  public func pending() -> [SegmentIdentity] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var found: [SegmentIdentity] = []
    var written: [Identity: Int] = [:]
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let segment = SegmentIdentity(fileName: name) else { continue }
      var status = stat()
      guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        status.st_uid == geteuid()
      else { continue }
      found.append(segment)
      let modified = Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
      written[segment.journal] = min(written[segment.journal] ?? .max, modified)
    }
    return found.sorted {
      (written[$0.journal]!, $0.journal.description, $0.segment)
        < (written[$1.journal]!, $1.journal.description, $1.segment)
    }
  }

  /// Takes in all that is pending.
  ///
  /// - Throws: `StoreError` where the store cannot be written; what was taken in before stays.
  public func take(into store: Store) throws(StoreError) -> Account {
    var account = Account()
    let pending = pending()
    let last = Dictionary(pending.map { ($0.journal, $0.segment) }, uniquingKeysWith: max)
    for segment in pending {
      let path = "\(folder)/\(segment.fileName)"
      let taken = try SegmentIngest(into: store).take(path, expected: segment)
      account.segments.append(taken)
      settle(path, taken, hasSuccessor: segment.segment < last[segment.journal]!)
    }
    return account
  }

  private func settle(_ path: String, _ taken: SegmentAccount, hasSuccessor: Bool) {
    switch taken.end {
    case .damaged:
      rename(path, path + ".damaged")
    case .refused:
      // An empty or half-written head is a recorder that has just begun.
      if isAbandoned(path, taken, hasSuccessor: hasSuccessor) { rename(path, path + ".damaged") }
    case .whole, .cut, .zeroFilled:
      guard isAbandoned(path, taken, hasSuccessor: hasSuccessor) else { return }
      let delivered = "\(folder)/delivered"
      mkdir(delivered, 0o700)
      rename(path, delivered + path.dropFirst(folder.count))
    }
  }

  /// Whether nobody will append to the file any more.
  private func isAbandoned(_ path: String, _ taken: SegmentAccount, hasSuccessor: Bool) -> Bool {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return false }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { return false }
    let isSilent = time(nil) - status.st_mtim.tv_sec > Self.silence
    // A file this young is left unlocked, so that its recorder's own lock never fails.
    guard taken.isFinished || hasSuccessor || isSilent, flock(file, LOCK_EX | LOCK_NB) == 0,
      fstat(file, &status) == 0
    else { return false }
    if case .refused = taken.end { return true }
    return Int(status.st_size) == taken.offset + taken.bytesLeft
  }
}

extension SegmentAccount {
  /// The bytes after the last whole record.
  fileprivate var bytesLeft: Int {
    switch end {
    case .cut(let bytes), .zeroFilled(let bytes): bytes
    case .whole, .damaged, .refused: 0
    }
  }
}
