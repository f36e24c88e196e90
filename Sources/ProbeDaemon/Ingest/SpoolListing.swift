import Glibc
import ProbeCore
public import ProbeWire

/// What lies in a spool folder at one moment; symbolic links and files of other users are passed over.
public struct SpoolListing: Sendable {
  /// A segment's file.
  public struct File: Sendable, Hashable {
    /// The segment that its name states.
    public var segment: SegmentIdentity
    /// Its size.
    ///
    /// Unit: bytes.
    public var bytes: Int
    /// When it was last written to.
    ///
    /// Unit: nanoseconds since 1970.
    public var modified: Int
  }

  /// The segments that wait.
  ///
  /// The journal that was written to least recently comes first, its segments by number: runs get
  /// their numbers about as they came.
  public var pending: [File] = []
  /// The names of the segments that were set aside as damaged.
  public var damaged: [String] = []
  /// Reads a folder; nothing where there is none.
  public init(of folder: String) {
    for (name, status) in Self.files(in: folder) {
      if let file = File(name, status) {
        pending.append(file)
      } else if name.hasSuffix(".damaged") {
        damaged.append(name)
      }
    }
    var written: [Identity: Int] = [:]
    for file in pending {
      written[file.segment.journal] = min(written[file.segment.journal] ?? .max, file.modified)
    }
    pending.sort { a, b in
      let (first, second) = (a.segment.journal, b.segment.journal)
      if first == second { return a.segment.segment < b.segment.segment }
      let (early, late) = (written[first] ?? 0, written[second] ?? 0)
      return early == late ? first.bytes.lexicographicallyPrecedes(second.bytes) : early < late
    }
    damaged.sort()
  }

  /// The size of what was delivered.
  ///
  /// Unit: bytes.
  public static func deliveredBytes(in folder: String) -> Int {
    files(in: "\(folder)/delivered").reduce(0) { $0 + Int($1.1.st_size) }
  }

  /// The segments that a spool keeps although they are done with, delivered or damaged, with their paths.
  static func kept(in folder: String) -> [(path: String, file: File)] {
    let delivered = files(in: "\(folder)/delivered").compactMap { name, status in
      File(name, status).map { ("\(folder)/delivered/\(name)", $0) }
    }
    let damaged = files(in: folder).compactMap { name, status -> (String, File)? in
      guard name.hasSuffix(".damaged") else { return nil }
      return File(String(name.dropLast(".damaged".count)), status).map { ("\(folder)/\(name)", $0) }
    }
    return (delivered + damaged).sorted { $0.1.modified < $1.1.modified }
  }

  /// The regular files of this user in a folder that are named like segments, set aside or not.
  private static func files(in folder: String) -> [(String, stat)] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var found: [(String, stat)] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(".rpj") || name.hasSuffix(".rpj.damaged") else { continue }
      var status = stat()
      guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        status.st_uid == geteuid()
      else { continue }
      found.append((name, status))
    }
    return found
  }
}

extension SpoolListing.File {
  /// The segment that a file's name states; nil for other names.
  fileprivate init?(_ name: String, _ status: stat) {
    guard let segment = SegmentIdentity(fileName: name) else { return nil }
    self.segment = segment
    bytes = Int(status.st_size)
    // A file system believes any time, also those that do not fit: up to the year 2255.
    let seconds = min(max(0, status.st_mtim.tv_sec), 9_000_000_000)
    modified = seconds * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
  }
}
