import Glibc
import ProbeCore
public import ProbeStore
public import ProbeWire

/// Takes one segment's file into a store, from where the store stands to where the file can be read.
public struct SegmentIngest {
  /// The bytes read at a time.
  static let chunk = 1 << 20

  /// `lseek`'s next place with data, which Glibc's module leaves out.
  ///
  /// Source: lseek(2), Linux.
  private static let seekData: CInt = 3

  private let store: Store

  /// An intake into a store whose lock the caller holds.
  public init(into store: Store) { self.store = store }

  /// Takes in a file.
  ///
  /// `expected` is the segment that its name states; nil: any. What is wrong with the file is in the
  /// account. - Throws: `StoreError` where the store cannot be read or written; nothing is half-written.
  public func take(
    _ path: String, expected: SegmentIdentity? = nil, stops: () -> Bool = { false }
  ) throws(StoreError) -> SegmentAccount {
    var account = SegmentAccount(path: path)
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else {
      account.end = .unreadable(String(cString: strerror(errno)))
      return account
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      account.end = .refused(
        status.st_mode & S_IFMT == S_IFDIR
          ? "it is a folder; name the journals in it" : "it is no regular file")
      return account
    }
    guard status.st_size > 0 else {
      account.end = .refused("it is empty")
      return account
    }
    try take(file, expected, stops, &account)
    return account
  }

  private func take(
    _ file: CInt, _ expected: SegmentIdentity?, _ stops: () -> Bool,
    _ account: inout SegmentAccount
  ) throws(StoreError) {
    guard let segment = identity(file, &account) else { return }
    if let expected, expected != segment {
      account.end = .refused("its name says \(expected.fileName), its header \(segment.fileName)")
      return
    }
    account.offset = try store.state(ofSegment: segment.segment, in: segment.journal).offset
    var at = account.offset
    var decoder = SegmentDecoder(segment, from: at)
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 16)
    defer { piece.deallocate() }
    var hole = 0
    reading: while true {
      if stops() {
        account.end = .overtaken
        break
      }
      // A crashed machine may leave gigabytes of nothing: the file system knows without reading them.
      if at > 0, lseek(file, off_t(at), Self.seekData) < 0, errno == ENXIO {
        hole = max(0, Int(lseek(file, 0, CInt(SEEK_END))) - at)
        break
      }
      guard let bytes = read(file, at, into: piece, &account) else { return }
      at += bytes.count
      decoder.append(bytes)
      decoding: while true {
        switch decoder.decode() {
        case .needsMore: break decoding
        case .full: try flush(&decoder, &account)
        case .damaged(let damage):
          account.end = .damaged(damage.description)
          break reading
        case .foreign(let reason):
          account.end = .refused(reason)
          return
        }
        switch account.end {
        case .refused, .overtaken, .unreadable: return
        case .whole, .cut, .zeroFilled, .damaged: break
        }
      }
      if bytes.isEmpty { break }
    }
    if case .whole = account.end {
      switch decoder.tail {
      case .whole: if hole > 0 { account.end = .zeroFilled(bytes: hole) }
      case .cut(let bytes): account.end = .cut(bytes: bytes + hole)
      case .zeroFilled(let bytes): account.end = .zeroFilled(bytes: bytes + hole)
      }
    }
    try flush(&decoder, &account)
    account.isFinished = decoder.isFinished
  }

  /// The header's identity; nil, with the account's end set, where there is none.
  private func identity(_ file: CInt, _ account: inout SegmentAccount) -> SegmentIdentity? {
    var reader = SegmentReader()
    let isRead = withUnsafeTemporaryAllocation(byteCount: Journal.headerLength, alignment: 16) {
      guard let bytes = read(file, 0, into: $0, &account) else { return false }
      reader.append(bytes)
      return true
    }
    guard isRead else { return nil }
    switch reader.next() {
    case .opened(let segment): return segment
    case .damaged(let damage): account.end = .refused(damage.description)
    default: account.end = .refused("it ends before its header does")
    }
    return nil
  }

  private func flush(
    _ decoder: inout SegmentDecoder, _ account: inout SegmentAccount
  ) throws(StoreError) {
    guard let batch = decoder.takeBatch() else { return }
    do throws(StoreError) {
      let outcome = try store.append(batch)
      account.runID = outcome.runID
      account.frames += outcome.frames
      account.offset = outcome.offset
      account.rejections.merge(outcome.rejections)
      // The bytes came in another way meanwhile: what follows has to be read from there.
      if outcome.offset != batch.to { account.end = .overtaken }
    } catch {
      guard error.kind == .refused else { throw error }
      account.end = .refused(error.reason)
    }
  }

  /// The bytes at a place; nil, with the account's end set, where the system does not give them.
  private func read(
    _ file: CInt, _ at: Int, into piece: UnsafeMutableRawBufferPointer,
    _ account: inout SegmentAccount
  ) -> UnsafeRawBufferPointer? {
    let count = pread(file, piece.baseAddress, piece.count, off_t(at))
    guard count >= 0 else {
      account.end = .unreadable(String(cString: strerror(errno)))
      return nil
    }
    return UnsafeRawBufferPointer(rebasing: piece[..<count])
  }
}
