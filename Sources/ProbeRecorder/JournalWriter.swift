internal import Glibc
package import ProbeCore
internal import ProbeWire

/// Appends records to one journal: opens segments, keeps to the spool's limit, drops what does not fit.
package final class JournalWriter {
  /// Why a record was dropped; the next one is tried again.
  package enum Drop: Sendable, Hashable {
    /// The spool is at its limit and nothing in it is delivered.
    case spoolFull
    /// The disk, a quota or RLIMIT_FSIZE has no room.
    case diskFull
    /// The system refused, with this error number.
    case failed(Int32)
    /// The record is longer than a journal's records may be.
    case tooLong

    /// One line for people: what happened and what to do.
    package var message: String {
      switch self {
      case .spoolFull:
        "the spool is at its limit and nothing in it is delivered: frames are dropped; raise RESNET_PROBE_SPOOL_LIMIT or start the daemon"
      case .diskFull:
        "there is no room for the journal: frames are dropped; free disk space or raise the file size limit"
      case .failed(let number):
        "the journal cannot be written (\(RecorderError.words(for: number))): frames are dropped; check the spool's disk"
      case .tooLong:
        "a frame is over 4 MiB and was dropped; give the block map fewer blocks"
      }
    }
  }

  private let journal: Identity
  private let folder: SpoolFolder
  private let head: [Record]
  private var segment: SegmentFile?
  private var nextNumber = 0
  /// The bytes that may be written before the spool is looked at again.
  private var allowance = 0

  /// Opens a journal and its first segment, each of whose segments will begin with `head`.
  ///
  /// A spool or disk without room is no error: the first segment is then opened by a later record.
  ///
  /// - Throws: ``RecorderError`` where the head cannot be encoded or a file cannot be created.
  package init(
    _ journal: Identity, in folder: SpoolFolder, path: String, head: [Record]
  ) throws(RecorderError) {
    self.journal = journal
    self.folder = folder
    self.head = head
    do throws(WireError) {
      _ = try headBytes()
    } catch {
      throw RecorderError(
        attempted: "open a run", subject: "in \(path)", reason: error.description,
        remedy: "shorten the block map or the configuration")
    }
    if case .failed(let number)? = openSegment(alsoHolding: 0, beyondLimit: false) {
      throw RecorderError(
        attempted: "create a journal", subject: "in \(path)",
        reason: RecorderError.words(for: number),
        remedy: "set RESNET_PROBE_SPOOL to a folder that can be written")
    }
  }

  /// Appends a record; says why where it was dropped.
  ///
  /// Complexity: the record's length, one write(2).
  package func append(_ record: Record, beyondLimit: Bool = false) -> Drop? {
    // Somebody cleared the spool: go on in a file that can be read.
    if segment?.isUnlinked == true { segment = nil }
    let identity = segment?.identity ?? nextIdentity
    guard let payload = try? RecordCodec.encode(record, in: identity) else { return .tooLong }
    let bytes = Journal.frame(payload: payload)
    if let segment, segment.length + bytes.count <= Self.capacity {
      guard beyondLimit || hasRoom(for: bytes.count) else { return .spoolFull }
    } else if let drop = openSegment(alsoHolding: bytes.count, beyondLimit: beyondLimit) {
      return drop
    }
    return write(bytes)
  }

  /// Closes the journal's file.
  package func close() { segment = nil }

  private var nextIdentity: SegmentIdentity {
    SegmentIdentity(journal: journal, segment: nextNumber)
  }

  private static var capacity: Int {
    min(Journal.maximumSegmentLength, SegmentFile.greatestLength)
  }

  private func headBytes() throws(WireError) -> [UInt8] {
    var bytes = Journal.header(of: nextIdentity)
    for record in head {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: nextIdentity))
    }
    return bytes
  }

  /// Makes the next segment the current one, if its head and `bytes` more fit.
  private func openSegment(alsoHolding bytes: Int, beyondLimit: Bool) -> Drop? {
    guard let head = try? headBytes() else { return .tooLong }
    guard head.count + bytes <= Self.capacity else { return .diskFull }
    guard beyondLimit || hasRoom(for: head.count + bytes) else { return .spoolFull }
    do throws(SegmentFile.Refusal) {
      segment = try SegmentFile(nextIdentity, startingWith: head, in: folder)
      allowance -= head.count
      nextNumber += 1
      return nil
    } catch {
      if error == .failed(EEXIST) { nextNumber += 1 }
      return Self.drop(error)
    }
  }

  private func write(_ bytes: [UInt8]) -> Drop? {
    do throws(SegmentFile.Refusal) {
      try segment?.append(bytes)
      allowance -= bytes.count
      return nil
    } catch {
      if case .torn = error { segment = nil }
      return Self.drop(error)
    }
  }

  /// Whether the spool's limit leaves room; other processes fill the same spool, so it is looked at
  /// again after every segment's worth of bytes.
  private func hasRoom(for bytes: Int) -> Bool {
    if allowance < bytes {
      allowance = min(folder.makeRoom(for: bytes), Journal.maximumSegmentLength)
    }
    return allowance >= bytes
  }

  private static func drop(_ refusal: SegmentFile.Refusal) -> Drop {
    switch refusal {
    case .full: .diskFull
    case .failed(let number), .torn(let number): .failed(number)
    }
  }
}
