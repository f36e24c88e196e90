import Glibc
import ProbeDaemon
import ProbeStore
import ProbeWire

/// What waits in a spool.
struct Pending {
  let spool: String
  /// Whether what the store lacks of delivered segments is taken in too.
  var includesDelivered = false

  /// Takes it in if nobody else is at it; what goes wrong is a note, since the reader can go on.
  func takeIfFree(into path: String, makesFolder: Bool) {
    let files = SpoolListing(of: spool).pending
    guard !files.isEmpty || Self.hasVerdictsDue(path) else { return }
    do throws(StoreError) {
      let account = try take(into: path, makesFolder: makesFolder, waiting: 0)
      for line in account?.segments.filter(\.isFailure).flatMap(\.remarks) ?? [] {
        Output.note(line)
      }
      if account == nil, let unread = stillUnread(files, in: path) {
        Output.note("another process takes journals in now and has not read \(unread) in \(spool)")
      }
    } catch {
      let line = Failure.joined(error.description, error.hint)
      Output.note("\(line); not taken in: \(Self.segments(files.count)) in \(spool)")
    }
  }

  /// Takes it in, holding the locks of spool and store; nil if another process held them for `seconds`.
  func take(
    into path: String, makesFolder: Bool, waiting seconds: Int
  ) throws(StoreError) -> SpoolIngest.Account? {
    let spoolLock = try StoreLock.lock("\(spool)/.lock", waiting: seconds)
    guard case .held(let spoolHeld) = consume spoolLock else { return nil }
    defer { _ = spoolHeld }
    return try StoreOpening.withWriter(path, makesFolder: makesFolder, waiting: seconds) {
      store throws(StoreError) in
      var intake = SpoolIngest(folder: spool)
      var account = try intake.take(into: store)
      if includesDelivered {
        account.segments += try DeliveredIntake(folder: spool).take(into: store)
      }
      try VerdictUpdate.update(account.runs.union(try store.runsWithVerdictsDue()), in: store)
      return account
    }
  }

  /// Whether an intake was killed before it had judged what it took in.
  private static func hasVerdictsDue(_ path: String) -> Bool {
    let due = try? Store.openForReading(at: path).runsWithVerdictsDue()
    return due.map { !$0.isEmpty } ?? false
  }

  /// What is left of ``unread(_:in:)`` after giving the process that takes journals in up to two seconds:
  /// a daemon needs less to have what lay there when the verb began.
  ///
  /// What was written long before is no news to it: a cut tail, a segment that it refused, a backlog.
  private func stillUnread(_ files: [SpoolListing.File], in path: String) -> String? {
    let recent = files.filter { time(nil) - $0.modified / 1_000_000_000 < 10 }
    for _ in 0..<40 {
      guard unread(recent, in: path) != nil else { break }
      usleep(50_000)
    }
    return unread(files, in: path)
  }

  /// The segments of which the store has not everything, in words; nil where there are none.
  private func unread(_ files: [SpoolListing.File], in path: String) -> String? {
    guard let store = try? Store.openForReading(at: path) else { return nil }
    let behind = files.count { file in
      let known = try? store.state(ofSegment: file.segment.segment, in: file.segment.journal).offset
      return (known ?? 0) < file.bytes
    }
    return behind == 0 ? nil : Self.segments(behind)
  }

  private static func segments(_ count: Int) -> String {
    count == 1 ? "1 journal segment" : "\(count) journal segments"
  }
}
