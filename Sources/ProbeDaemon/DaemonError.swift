public import ProbeStore

/// Why the daemon could not do something.
public enum DaemonError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The store could not be read or written.
  case store(StoreError)
  /// Bodies of too many bytes are in flight already.
  case queueFull
  /// Too many reports and lists are being read already.
  case tooManyReads
  /// The daemon is about to end and takes nothing in any more.
  case stopping
  /// A store or a spool is another process's, whose id it may be.
  case locked(path: String, holder: Int?)
  /// The socket, or the network's address, cannot be listened at.
  case socket(path: String, reason: String, hint: String)
  /// A file of tokens, or of what TLS needs, cannot be used.
  case credentials(name: String, path: String, reason: String, hint: String)

  /// One line: what was attempted, on what, why it failed.
  public var description: String {
    switch self {
    case .store(let error): error.description
    case .queueFull: "cannot take in the bytes: too many wait to be committed"
    case .tooManyReads: "cannot read the store: too many others do"
    case .stopping: "cannot take in the bytes: the daemon is stopping"
    case .locked(let path, let holder):
      "cannot serve \(path): another process\(holder.map { " (\($0))" } ?? "") takes journals in there"
    case .socket(let path, let reason, _): "cannot listen at \(path): \(reason)"
    case .credentials(let name, let path, let reason, _):
      "cannot use the \(name) \(path): \(reason)"
    }
  }

  /// What to do next.
  public var hint: String {
    switch self {
    case .store(let error): error.hint
    case .queueFull: "send them again in a second"
    case .tooManyReads: "ask again in a second"
    case .stopping: "send them again when it is back"
    case .locked: "`resnet-probe status` tells about it; one daemon serves a store and a spool"
    case .socket(_, _, let hint), .credentials(_, _, _, let hint): hint
    }
  }
}
