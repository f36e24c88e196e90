public import ProbeStore

/// Why the daemon could not do something.
public enum DaemonError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The store could not be read or written.
  case store(StoreError)
  /// More bytes wait to be committed than the daemon keeps in memory.
  case queueFull
  /// The daemon is about to end and takes nothing in any more.
  case stopping
  /// The socket cannot be listened at.
  case socket(path: String, reason: String, hint: String)

  /// One line: what was attempted, on what, why it failed.
  public var description: String {
    switch self {
    case .store(let error): error.description
    case .queueFull: "cannot take in the bytes: too many wait to be committed"
    case .stopping: "cannot take in the bytes: the daemon is stopping"
    case .socket(let path, let reason, _): "cannot listen at \(path): \(reason)"
    }
  }

  /// What to do next.
  public var hint: String {
    switch self {
    case .store(let error): error.hint
    case .queueFull: "send them again in a second"
    case .stopping: "send them again when it is back"
    case .socket(_, _, let hint): hint
    }
  }
}
