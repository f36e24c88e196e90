import ArgumentParser
import Glibc
import ProbeDaemon
import ProbeRecorder
import ProbeStore

/// Which store a verb works on, and which spool feeds it.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The store.",
      discussion:
        "Default: RESNET_PROBE_STORE, else $XDG_DATA_HOME/resnet-probe/probe.sqlite.",
      valueName: "path"))
  var store: String?

  @Option(
    help: ArgumentHelp(
      "The folder of journals to take in first.",
      discussion:
        "Default with the default store: RESNET_PROBE_SPOOL, else $XDG_STATE_HOME/resnet-probe/spool; none with another --store.",
      valueName: "dir"))
  var spool: String?

  /// Whether the store is the user's default one, which the spool belongs to.
  var isDefault: Bool { store == nil }

  /// The store's path.
  ///
  /// - Throws: ``StoreError`` where the environment names none.
  func path() throws(StoreError) -> String {
    if let store { return store }
    if let own = Environment.value("RESNET_PROBE_STORE") { return own }
    if let data = Environment.value("XDG_DATA_HOME"), data.hasPrefix("/") {
      return data + "/resnet-probe/probe.sqlite"
    }
    guard let home = Environment.value("HOME") else {
      throw StoreError(
        .failed, action: "find the default store", subject: "",
        reason: "neither RESNET_PROBE_STORE, XDG_DATA_HOME nor HOME is set",
        hint: "name a file with --store")
    }
    return home + "/.local/share/resnet-probe/probe.sqlite"
  }

  /// The spool's folder; nil where none belongs to the store.
  var spoolPath: String? { spool ?? (isDefault ? Spool.default.path : nil) }

  /// Opens the store for reading, after taking in what is pending in its spool.
  ///
  /// - Throws: ``StoreError``; a default store that is absent has no runs
  ///   (``StoreError/Kind/notFound``).
  func openForReading() throws(StoreError) -> Store {
    let path = try path()
    if let spool, !Folder.exists(spool) {
      throw StoreError(
        .failed, action: "take in the spool", subject: spool, reason: "there is no such folder",
        hint: "leave out --spool to read the store as it is")
    }
    if let spoolPath { Pending(spool: spoolPath).takeIfFree(into: path, makesFolder: isDefault) }
    do throws(StoreError) { return try Store.openForReading(at: path) } catch {
      guard isDefault, error.kind == .noStore else { throw error }
      throw StoreError(
        .notFound, action: "read runs from", subject: path, reason: "there are none yet",
        hint: "`resnet-probe demo` records some")
    }
  }
}

/// What waits in a spool.
struct Pending {
  let spool: String

  /// Takes it in if nobody else is at it; what goes wrong is a note, since the reader can go on.
  func takeIfFree(into path: String, makesFolder: Bool) {
    let intake = SpoolIngest(folder: spool)
    let count = intake.pending().count
    guard count > 0 else { return }
    do throws(StoreError) {
      let account = try take(into: path, makesFolder: makesFolder, waiting: 0)
      for line in account?.segments.filter(\.isFailure).flatMap(\.remarks) ?? [] {
        Output.note(line)
      }
      if account == nil {
        Output.note("\(journals(count)) in \(spool) wait: another process takes journals in now")
      }
    } catch {
      let line = Failure.joined(error.description, error.hint)
      Output.note("\(line); \(journals(count)) in \(spool) wait")
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
      let account = try SpoolIngest(folder: spool).take(into: store)
      try VerdictUpdate.update(account.runs, in: store)
      return account
    }
  }

  private func journals(_ count: Int) -> String {
    count == 1 ? "1 journal segment" : "\(count) journal segments"
  }
}

/// Opens a store as its one writer.
enum StoreOpening {
  /// Lends the store to `body` while holding its lock; nil if another process held it for `seconds`.
  static func withWriter<Value>(
    _ path: String, makesFolder: Bool, waiting seconds: Int,
    _ body: (Store) throws(StoreError) -> Value
  ) throws(StoreError) -> Value? {
    if makesFolder { Folder.make(for: path) }
    // A path that can be no store shall say so, not fail at the lock beside it.
    try Store.checkForWriting(path)
    let lock = try StoreLock.lock("\(path).lock", waiting: seconds)
    guard case .held(let held) = consume lock else { return nil }
    defer { _ = held }
    return try body(try Store.openForWriting(at: path))
  }
}
