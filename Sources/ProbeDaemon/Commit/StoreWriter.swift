import ProbeStore
import ServiceLifecycle

/// Commits the batches that arrive over HTTP, many with one commit: the bodies that wait while one
/// group is written become the next group.
///
/// Anyone may call ``submit(_:bytes:)``; ``run()`` is the one task that writes. What waits is bounded by
/// the ``MemoryBudget`` that its senders share.
actor StoreWriter: Service {
  /// The bytes of bodies that share a commit, unless a single one has more.
  static let groupBytes = 8 << 20

  private struct Waiting {
    let batch: JournalBatch
    let bytes: Int
    let ticket: CommitTicket
  }

  private let store: Store
  private let file: FileIdentity
  private let ledger: IntakeLedger
  private let bell: AsyncStream<Void>
  private let ring: AsyncStream<Void>.Continuation
  private var waiting: [Waiting] = []
  private var isStopped = false

  /// A writer of a store whose lock the caller holds; `file` is the file that was opened.
  init(store: Store, file: FileIdentity, ledger: IntakeLedger) {
    self.store = store
    self.file = file
    self.ledger = ledger
    (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The batches that wait, the group being written included, and the bytes of their bodies.
  private(set) var queue = (batches: 0, bytes: 0)

  /// Hands over a batch, whose outcome the ticket tells; `bytes` is the size of its part of a body.
  ///
  /// - Throws: ``DaemonError/stopping``.
  func submit(_ batch: JournalBatch, bytes: Int) throws(DaemonError) -> CommitTicket {
    guard !isStopped else { throw .stopping }
    let ticket = CommitTicket()
    queue = (queue.batches + 1, queue.bytes + bytes)
    waiting.append(Waiting(batch: batch, bytes: bytes, ticket: ticket))
    ring.yield()
    return ticket
  }

  /// Writes what waits until it is told to stop; what waits by then is still written.
  func run() async {
    await withGracefulShutdownHandler {
      for await _ in bell { await drain() }
    } onGracefulShutdown: {
      self.ring.finish()
    }
    await drain()
    isStopped = true
    await drain()
  }

  private func drain() async {
    while !waiting.isEmpty {
      var bytes = 0
      var count = 0
      for one in waiting {
        bytes += one.bytes
        guard count == 0 || bytes <= Self.groupBytes else { break }
        count += 1
      }
      let group = Array(waiting.prefix(count))
      waiting.removeFirst(count)
      await write(group)
    }
  }

  private func write(_ group: [Waiting]) async {
    // Asked before and after: rows that went into a deleted file are not durable.
    var results: [Result<AppendOutcome, StoreError>] = []
    if failure() == nil { results = await store.append(group.map(\.batch)) }
    if let failure = failure() { results = group.map { _ in .failure(failure) } }
    let outcomes = results.compactMap { try? $0.get() }
    if !outcomes.isEmpty {
      ledger.note(frames: outcomes.reduce(0) { $0 + $1.frames }, at: WallClock.now)
    }
    for case .failure(let error) in results where error.kind != .refused { ledger.note(error) }
    for (one, result) in zip(group, results) {
      queue = (queue.batches - 1, queue.bytes - one.bytes)
      one.ticket.settle(result.mapError { .store($0) })
    }
  }

  private func failure() -> StoreError? {
    do throws(StoreError) {
      try store.check(isStill: file)
      return nil
    } catch { return error }
  }
}
