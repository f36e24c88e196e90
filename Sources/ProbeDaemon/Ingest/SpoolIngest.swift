import Glibc
import ProbeCore
public import ProbeStore
import ProbeWire

/// Takes what is pending in a spool into a store and moves aside what is done with.
///
/// The caller holds the spool's lock and the store's. A segment is done with when nobody writes it
/// any more (its recorder holds a lock on it while it lives) and its end was read, a later segment
/// of its journal exists, or it has not changed for a minute. It moves to `delivered/`; one that
/// cannot be read to its end keeps its place with `.damaged` at the end of its name. A value that is
/// kept and asked again looks only into files that changed.
public struct SpoolIngest: Sendable {
  /// What came of it.
  public struct Account: Sendable {
    /// One for each segment that was looked into.
    public var segments: [SegmentAccount] = []
    /// Why a segment that is done with could not be moved aside; nil: nothing was in the way.
    public var stuck: String?
    /// Whether more may wait, because only so many bytes were wanted.
    public var isBounded = false

    /// The runs that something new was taken in of.
    public var runs: Set<Int> {
      Set(segments.filter { $0.frames > 0 || $0.isFinished }.compactMap(\.runID))
    }
  }

  /// A segment that is silent this long ends as it is.
  ///
  /// Unit: seconds.
  static let silence = 60
  /// What a segment counts for at least where the bytes of a look are bounded: its commit.
  ///
  /// Unit: bytes.
  static let leastCost = 1 << 18

  private let folder: String
  private var seen: [SegmentIdentity: (bytes: Int, account: SegmentAccount)] = [:]

  /// The intake of a spool folder.
  public init(folder: String) { self.folder = folder }

  /// Takes in what is pending: all, or about `atMost` bytes of it, those segments first that it knows and
  /// that grew.
  ///
  /// It ends early where `stops` says so, asked before each segment. - Throws: `StoreError` where the
  /// store cannot be written; what was taken in before stays.
  public mutating func take(
    into store: Store, atMost: Int = .max, stops: () -> Bool = { false }
  ) throws(StoreError) -> Account {
    var account = Account()
    var pending = SpoolListing(of: folder).pending
    var cost = 0
    if atMost < .max {
      pending =
        pending.filter { seen[$0.segment] != nil } + pending.filter { seen[$0.segment] == nil }
    }
    let last = Dictionary(
      pending.map { ($0.segment.journal, $0.segment.segment) }, uniquingKeysWith: max)
    let present = Set(pending.map(\.segment))
    seen = seen.filter { present.contains($0.key) }
    for file in pending where cost < atMost && !stops() {
      let path = "\(folder)/\(file.segment.fileName)"
      var taken: SegmentAccount
      if let known = seen[file.segment], known.bytes == file.bytes {
        taken = known.account
      } else {
        taken = try SegmentIngest(into: store).take(
          path, expected: file.segment, stops: stops)
        cost += max(file.bytes - (seen[file.segment]?.bytes ?? 0), Self.leastCost)
        if let known = seen[file.segment] {
          taken.isFinished = taken.isFinished || known.account.isFinished
        } else if !taken.isFinished {
          // Its end may have been taken in by a process that was killed before it moved the file.
          taken.isFinished = try store.hasFinished(journal: file.segment.journal)
        }
        account.segments.append(taken)
        if taken.wasRead { seen[file.segment] = (file.bytes, taken) }
      }
      if account.stuck == nil {
        let hasSuccessor = file.segment.segment < last[file.segment.journal] ?? 0
        account.stuck = settle(path, taken, hasSuccessor: hasSuccessor)
      }
    }
    account.isBounded = cost >= atMost
    return account
  }

  /// Moves a segment aside that is done with; says why where that cannot be.
  private func settle(_ path: String, _ taken: SegmentAccount, hasSuccessor: Bool) -> String? {
    switch taken.end {
    case .overtaken, .unreadable: return nil
    case .damaged: return move(path, to: path + ".damaged")
    case .refused:
      // An empty or half-written head is a recorder that has just begun.
      guard isAbandoned(path, taken, hasSuccessor: hasSuccessor) else { return nil }
      return move(path, to: path + ".damaged")
    case .whole, .cut, .zeroFilled:
      guard isAbandoned(path, taken, hasSuccessor: hasSuccessor) else { return nil }
      let delivered = "\(folder)/delivered"
      mkdir(delivered, 0o700)
      // A link in its place would lead the journals out of the spool.
      var status = stat()
      guard lstat(delivered, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        return "cannot move \(path) aside: \(delivered) is no folder"
      }
      return move(path, to: delivered + path.dropFirst(folder.count))
    }
  }

  private func move(_ path: String, to place: String) -> String? {
    rename(path, place) == 0 || errno == ENOENT
      ? nil : "cannot move \(path) to \(place): \(String(cString: strerror(errno)))"
  }

  /// Whether nobody will append to the file any more.
  private func isAbandoned(_ path: String, _ taken: SegmentAccount, hasSuccessor: Bool) -> Bool {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return false }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { return false }
    // A time to come is a clock that was set back: a file that grows has the time of now.
    let now = Int(WallClock.now)
    let isSilent = !(now - Self.silence...now + Self.silence).contains(status.st_mtim.tv_sec)
    // A file this young is left unlocked, so that its recorder's own lock never fails.
    guard taken.isFinished || hasSuccessor || isSilent, flock(file, LOCK_EX | LOCK_NB) == 0,
      fstat(file, &status) == 0
    else { return false }
    if case .refused = taken.end { return true }
    return Int(status.st_size) == taken.offset + taken.bytesLeft
  }
}

extension SegmentAccount {
  /// Whether the file was read as far as it goes.
  fileprivate var wasRead: Bool {
    switch end {
    case .overtaken, .unreadable: false
    case .whole, .cut, .zeroFilled, .damaged, .refused: true
    }
  }

  /// The bytes after the last whole record.
  fileprivate var bytesLeft: Int {
    switch end {
    case .cut(let bytes), .zeroFilled(let bytes): bytes
    case .whole, .damaged, .refused, .overtaken, .unreadable: 0
    }
  }
}
