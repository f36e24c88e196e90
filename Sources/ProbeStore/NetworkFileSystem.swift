import Glibc

/// Which mounts are of a network file system, read from the kernel's table.
package enum NetworkFileSystem {
  private static let kinds: Set<String> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "ceph", "fuse.ceph", "afs",
    "glusterfs", "fuse.glusterfs", "fuse.sshfs", "ncpfs", "orangefs", "pvfs2", "fuse.s3fs",
    "fuse.gcsfuse", "fuse.juicefs",
  ]

  /// The file system's kind where `folder` lies on a network one; nil elsewhere or where unknown.
  static func kind(holding folder: String) -> String? {
    guard let resolved = realpath(folder, nil) else { return nil }
    defer { free(resolved) }
    guard let table = fopen("/proc/self/mountinfo", "re") else { return nil }
    defer { fclose(table) }
    var lines: [String] = []
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, table) > 0, let line { lines.append(String(cString: line)) }
    return kind(of: String(cString: resolved), mountTable: lines)
  }

  /// The kind by the longest mount point that holds the path.
  ///
  /// Lines as in proc(5), mountinfo.
  package static func kind(of path: String, mountTable: [String]) -> String? {
    var best = (length: -1, kind: "")
    for line in mountTable {
      let fields = line.split(separator: " ")
      guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else {
        continue
      }
      let point = unescape(fields[4])
      let holds = point == "/" || path == point || path.hasPrefix(point + "/")
      if holds, point.utf8.count >= best.length {
        best = (point.utf8.count, String(fields[dash + 1].filter { $0 != "\n" }))
      }
    }
    return kinds.contains(best.kind) ? best.kind : nil
  }

  /// Mount points write space, tab, newline and backslash as three octal digits.
  private static func unescape(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
