internal import Glibc

/// The folder of journals, and how much of the disk it may take.
public struct Spool: Sendable, Hashable {
  /// The folder's path; nil where the environment names none.
  public let path: String?
  /// The most that the folder's files may take together.
  ///
  /// Unit: bytes.
  public let limit: Int

  /// The limit where none is given: 2 GiB.
  public static let defaultLimit = 2 << 30

  /// A spool in a folder of one's own; it is created when a recorder opens it.
  public init(path: String, limit: Int = Spool.defaultLimit) {
    self.path = path
    self.limit = max(0, limit)
  }

  /// The spool that the environment names.
  ///
  /// `RESNET_PROBE_SPOOL`, else `$XDG_STATE_HOME/resnet-probe/spool` where that is an absolute
  /// path, else `$HOME/.local/state/resnet-probe/spool`; the limit is `RESNET_PROBE_SPOOL_LIMIT`
  /// bytes, else 2 GiB. A limit that is no number counts as not given.
  public static var `default`: Spool {
    Spool(environment: { name in getenv(name).map { String(cString: $0) } })
  }

  /// The spool that an environment names.
  package init(environment: (String) -> String?) {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    limit =
      value("RESNET_PROBE_SPOOL_LIMIT").flatMap { Int($0) }.map { max(0, $0) }
      ?? Self.defaultLimit
    if let own = value("RESNET_PROBE_SPOOL") {
      path = own
    } else if let state = value("XDG_STATE_HOME"), state.hasPrefix("/") {
      path = state + "/resnet-probe/spool"
    } else {
      path = value("HOME").map { $0 + "/.local/state/resnet-probe/spool" }
    }
  }
}
