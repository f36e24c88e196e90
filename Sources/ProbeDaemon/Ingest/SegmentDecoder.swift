import ProbeCore
package import ProbeStore
package import ProbeWire

/// Turns a segment's bytes, as they come, into batches for the store: a value, no file, no clock.
package struct SegmentDecoder {
  /// Why decoding paused.
  package enum Pause: Equatable {
    /// The bytes so far hold no further whole record.
    case needsMore
    /// The batch is as long as one should be: take it away.
    case full
    /// Nothing after this can be read.
    case damaged(SegmentReader.Damage)
    /// The segment says it is another than the one it was announced as.
    case foreign(String)
  }

  /// A batch is full when it holds this many records.
  package static let batchRecords = 256
  /// A batch is full when it stands for this many bytes.
  package static let batchBytes = 2 << 20
  /// A batch is full when its records take about this many bytes of memory: hostile
  /// ones take a hundred times the bytes they came in, true ones three times.
  package static let batchMemory = 16 << 20

  /// The segment that the bytes are of.
  package let segment: SegmentIdentity
  /// Whether the recorder's last word was read.
  package private(set) var isFinished = false
  private var reader: SegmentReader
  private var batch: JournalBatch
  private var memory = 0

  /// A decoder whose first byte is byte `offset` of the segment.
  package init(_ segment: SegmentIdentity, from offset: Int) {
    self.segment = segment
    reader = SegmentReader(offset: offset)
    batch = JournalBatch(journal: segment.journal, segment: segment.segment, from: offset)
  }

  /// Takes in the bytes that follow.
  package mutating func append(_ bytes: some Collection<UInt8>) { reader.append(bytes) }

  /// Takes in the bytes that follow.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) { reader.append(bytes) }

  /// What is left over, if nothing follows.
  package var tail: SegmentReader.Tail { reader.tail }

  /// Decodes until there is a reason to pause.
  package mutating func decode() -> Pause {
    while true {
      switch reader.next() {
      case .needsMore: return .needsMore
      case .opened(let stated):
        guard stated == segment else {
          return .foreign("its header says \(stated.fileName), not \(segment.fileName)")
        }
        batch.to = reader.offset
      case .record(let payload):
        if let foreign = take(payload) { return .foreign(foreign) }
        let records = batch.records.count + batch.rejections.count
        if records >= Self.batchRecords || batch.to - batch.from >= Self.batchBytes
          || memory >= Self.batchMemory
        {
          return .full
        }
      case .damaged(let damage):
        batch.damage = damage.description
        return .damaged(damage)
      }
    }
  }

  /// The batch so far, and a new one begins; nil where it says nothing.
  package mutating func takeBatch() -> JournalBatch? {
    guard batch.to > batch.from || batch.damage != nil else { return nil }
    // A header and no record yet is a segment that has nothing to say.
    guard !batch.records.isEmpty || !batch.rejections.isEmpty || batch.from > 0 else { return nil }
    defer {
      batch = JournalBatch(journal: segment.journal, segment: segment.segment, from: batch.to)
      memory = 0
    }
    return batch
  }

  /// Adds a record to the batch; says why if it shows that the segment is a foreign one.
  private mutating func take(_ payload: [UInt8]) -> String? {
    batch.to = reader.offset
    do throws(WireError) {
      guard let record = try RecordCodec.decode(payload, in: segment) else {
        batch.rejections.addUnknown()
        return nil
      }
      if case .attemptFinished = record { isFinished = true }
      batch.records.append(record)
      memory += payload.count + record.memory
    } catch {
      // The header has no checksum of its own: the first record vouches for it.
      if case .foreignSegment = error { return error.description }
      batch.rejections.add(error.description)
    }
    return nil
  }
}

extension ProbeCore.Record {
  /// About what the value takes in memory beside its texts.
  ///
  /// Unit: bytes.
  fileprivate var memory: Int {
    let record = MemoryLayout<Self>.stride
    return switch self {
    case .runOpened(let opened): record + 64 * opened.config.count
    case .blockMap(let map): record + 2 * MemoryLayout<Block>.stride * map.blocks.count
    // Twice: what is kept aside of a block's statistics takes as much again.
    case .frame(let frame):
      record + 2 * MemoryLayout<BlockStatistics>.stride * frame.blocks.count
        + 2 * MemoryLayout<Metric>.stride * frame.metrics.count
    case .metrics(_, let metrics): record + 2 * MemoryLayout<Metric>.stride * metrics.count
    case .similarity(_, let pairs): record + MemoryLayout<Similarity>.stride * pairs.count
    case .reuse(_, let reuse): record + MemoryLayout<Reuse.Source>.stride * reuse.sources.count
    case .removalOrder(_, let order): record + MemoryLayout<Int>.stride * order.ordinals.count
    case .attemptFinished, .ablation: record
    }
  }
}
