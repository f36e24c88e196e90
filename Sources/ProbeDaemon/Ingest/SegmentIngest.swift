import Glibc
import ProbeCore
public import ProbeStore
public import ProbeWire

/// Takes one segment's file into a store, from where the store stands to where the file can be read.
public struct SegmentIngest {
  /// The bytes read at a time.
  static let chunk = 1 << 20
  /// A batch is handed to the store when it holds this many records, or ``batchBytes``.
  static let batchRecords = 256
  /// A batch is handed to the store when it holds this many bytes, or ``batchRecords``.
  static let batchBytes = 4 << 20

  private let store: Store

  /// An intake into a store whose lock the caller holds.
  public init(into store: Store) { self.store = store }

  /// Takes in a file.
  ///
  /// `expected` is the segment that its name states; nil: any. What is wrong with the file is in the
  /// account. - Throws: `StoreError` where the store cannot be read or written; nothing is half-written.
  public func take(
    _ path: String, expected: SegmentIdentity? = nil
  ) throws(StoreError) -> SegmentAccount {
    var account = SegmentAccount(path: path)
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else {
      account.end = .refused(String(cString: strerror(errno)))
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
    try take(file, expected, &account)
    return account
  }

  private func take(
    _ file: CInt, _ expected: SegmentIdentity?, _ account: inout SegmentAccount
  ) throws(StoreError) {
    guard let segment = identity(file, &account) else { return }
    if let expected, expected != segment {
      account.end = .refused("its name says \(expected.fileName), its header \(segment.fileName)")
      return
    }
    account.offset = try store.offset(ofSegment: segment.segment, in: segment.journal)
    let start = account.offset
    var reader = SegmentReader(offset: start)
    var batch = JournalBatch(journal: segment.journal, segment: segment.segment, from: start)
    var at = start
    reading: while true {
      let bytes = read(file, at)
      at += bytes.count
      reader.append(bytes)
      var wantsMore = false
      while !wantsMore {
        switch reader.next() {
        case .needsMore: wantsMore = true
        case .opened: batch.to = reader.offset
        case .record(let payload):
          decode(payload, segment, reader.offset, into: &batch, &account)
          if batch.records.count >= Self.batchRecords || batch.to - batch.from >= Self.batchBytes {
            try flush(&batch, &account)
          }
        case .damaged(let damage):
          account.end = .damaged(damage.description)
          batch.damage = damage.description
          break reading
        }
        if case .refused = account.end { return }
      }
      if bytes.isEmpty { break }
    }
    if case .whole = account.end {
      switch reader.tail {
      case .whole: break
      case .cut(let bytes): account.end = .cut(bytes: bytes)
      case .zeroFilled(let bytes): account.end = .zeroFilled(bytes: bytes)
      }
    }
    try flush(&batch, &account)
  }

  /// The header's identity; nil, with the account's end set, where there is none.
  private func identity(_ file: CInt, _ account: inout SegmentAccount) -> SegmentIdentity? {
    var reader = SegmentReader()
    reader.append(read(file, 0).prefix(Journal.headerLength))
    switch reader.next() {
    case .opened(let segment): return segment
    case .damaged(let damage): account.end = .refused(damage.description)
    default: account.end = .refused("it ends before its header does")
    }
    return nil
  }

  private func decode(
    _ payload: [UInt8], _ segment: SegmentIdentity, _ end: Int, into batch: inout JournalBatch,
    _ account: inout SegmentAccount
  ) {
    batch.to = end
    do throws(WireError) {
      guard let record = try RecordCodec.decode(payload, in: segment) else {
        batch.rejections.append("a record of a kind that this version does not know")
        return
      }
      if case .attemptFinished = record { account.isFinished = true }
      batch.records.append(record)
    } catch {
      // The header has no checksum of its own: the first record vouches for it.
      if case .foreignSegment = error { account.end = .refused(error.description) }
      batch.rejections.append(error.description)
    }
  }

  private func flush(
    _ batch: inout JournalBatch, _ account: inout SegmentAccount
  ) throws(StoreError) {
    guard batch.to > batch.from || batch.damage != nil else { return }
    // A file that holds a header and no record yet has nothing to say.
    guard !batch.records.isEmpty || !batch.rejections.isEmpty || batch.from > 0 else { return }
    do throws(StoreError) {
      let outcome = try store.append(batch)
      account.runID = outcome.runID
      account.frames += outcome.frames
      account.offset = outcome.offset
      account.rejections += outcome.rejections
      batch = JournalBatch(journal: batch.journal, segment: batch.segment, from: batch.to)
    } catch {
      guard error.kind == .refused else { throw error }
      account.end = .refused(error.reason)
    }
  }

  private func read(_ file: CInt, _ at: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
      let got = pread(file, buffer.baseAddress, buffer.count, off_t(at))
      count = max(0, got)
    }
  }
}
