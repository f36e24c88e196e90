import ArgumentParser
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
      "The folder of journals.",
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
    if let store { return Self.plain(store) }
    if let own = Environment.value("RESNET_PROBE_STORE") { return Self.plain(own) }
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

  /// A path that SQLite takes for a file's name, whatever it begins with (`file:`, `:memory:`).
  private static func plain(_ path: String) -> String {
    path.hasPrefix("file:") || path.hasPrefix(":") ? "./\(path)" : path
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
        hint: keepsSegments
          ? "the spool keeps segments of earlier ones: `resnet-probe ingest` makes a store of them"
          : "`resnet-probe demo` records some")
    }
  }

  private var keepsSegments: Bool {
    spoolPath.map { SpoolListing.deliveredBytes(in: $0) > 0 } ?? false
  }
}
