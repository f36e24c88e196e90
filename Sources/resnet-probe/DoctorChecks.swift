import Glibc
import ProbeDaemon
import ProbeReport
import ProbeStore

/// What `doctor` looks at in a store.
struct StoreChecks {
  let path: String
  /// Where its daemon listens.
  let socket: String

  var all: [Check] {
    var checks = [
      Check(
        name: "SQLite", state: Store.knowsStrictTables ? .ok : .wrong, words: Store.sqliteVersion,
        hint: Store.knowsStrictTables ? "" : "install SQLite 3.37 or later")
    ]
    do throws(StoreError) {
      let store = try Store.openForReading(at: path)
      checks.append(Check(name: "store", state: .ok, words: path))
      let problems = try store.integrityProblems()
      checks.append(
        problems.isEmpty
          ? Check(name: "integrity", state: .ok, words: "the whole file is sound")
          : Check(
            name: "integrity", state: .wrong, words: problems.joined(separator: ", "),
            hint:
              "move the file away and take the journals of the spool's delivered folder in again"))
      checks.append(permissions)
    } catch {
      checks.append(
        error.kind == .noStore
          ? Check(
            name: "store", state: .warning, words: "\(path) is not there yet", hint: error.hint)
          : Check(name: "store", state: .wrong, words: error.description, hint: error.hint))
    }
    if let kind = Store.networkFileSystem(holding: path) {
      checks.append(
        Check(
          name: "file system", state: .wrong, words: "the store lies on a network one (\(kind))",
          hint: "keep it on a local disk (RESNET_PROBE_STORE=/local/…)"))
    }
    let health = Health(ofDaemonAt: socket)
    if let daemon = daemon(health) { checks.append(daemon) }
    if let certificate = certificate(health?.certificateExpiresAt) { checks.append(certificate) }
    return checks
  }

  /// The TLS certificate of the store's daemon; nil where there is none.
  private func certificate(_ expiresAt: Double?) -> Check? {
    guard let expiresAt else { return nil }
    let left = expiresAt - Double(time(nil))
    let hint = "renew it, and send the daemon SIGHUP"
    guard left > 0 else {
      return Check(
        name: "certificate", state: .wrong,
        words: "the daemon's expired at \(Timestamp.format(expiresAt))", hint: hint)
    }
    let isSoon = left < Health.certificateNotice
    return Check(
      name: "certificate", state: isSoon ? .warning : .ok,
      words: "the daemon's expires at \(Timestamp.format(expiresAt))", hint: isSoon ? hint : "")
  }

  /// The daemon at the store's own socket, or whoever else takes journals in; nil where nobody does.
  private func daemon(_ health: Health?) -> Check? {
    if let health {
      guard let problem = health.problem else {
        return Check(
          name: "daemon", state: .ok,
          words:
            "process \(health.process) listens at \(socket)\(health.url.map { " and \($0)" } ?? "")"
        )
      }
      return Check(name: "daemon", state: .wrong, words: problem)
    }
    return StoreLock.holder(of: "\(path).lock").map { holder in
      Check(
        name: "writer", state: .warning,
        words: "process \(holder) holds the store, and no daemon answers at \(socket)",
        hint:
          "a verb that takes journals in is soon done; a daemon with another socket has --socket")
    }
  }

  private var permissions: Check {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else {
      return Check(name: "permissions", state: .ok, words: "only its owner reads the store")
    }
    return Check(
      name: "permissions", state: .warning, words: "others can read or write the store",
      hint: "chmod 600 keeps it to its owner")
  }
}

/// What `doctor` looks at in a spool.
struct SpoolChecks {
  let folder: String

  var all: [Check] {
    var status = stat()
    guard lstat(folder, &status) == 0 else {
      return [
        Check(
          name: "spool", state: .warning, words: "\(folder) is not there yet",
          hint: "the first recorder makes it")
      ]
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return [
        Check(
          name: "spool", state: .wrong, words: "\(folder) is no folder, so recorders refuse it",
          hint: "set RESNET_PROBE_SPOOL to a folder of your own")
      ]
    }
    var checks: [Check] = []
    if status.st_uid != geteuid() {
      checks.append(
        Check(
          name: "spool", state: .wrong, words: "\(folder) belongs to another user",
          hint: "set RESNET_PROBE_SPOOL to a folder of your own"))
    } else if access(folder, W_OK) != 0 {
      checks.append(
        Check(
          name: "spool", state: .wrong, words: "\(folder) is read-only, so frames are dropped",
          hint: "check its permissions and how its file system is mounted"))
    } else {
      checks.append(Check(name: "spool", state: .ok, words: folder))
    }
    let listing = SpoolListing(of: folder)
    if !listing.damaged.isEmpty {
      checks.append(
        Check(
          name: "spool", state: .warning,
          words: "damaged segments were set aside: \(listing.damaged.joined(separator: ", "))",
          hint: "what came before the damage is in the store; remove them when they are looked at"))
    }
    checks.append(Check.disk("disk", holding: folder))
    return checks
  }
}
