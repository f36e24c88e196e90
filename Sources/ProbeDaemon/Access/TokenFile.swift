import Glibc
import ProbeReport

/// The file of a daemon's tokens: one a line, `#` begins a comment.
public struct TokenFile: Sendable {
  /// Where it is.
  public let path: String

  /// The token file at a path.
  public init(at path: String) { self.path = path }

  private var file: CredentialFile {
    CredentialFile(name: "token file", path: path, isSecret: true)
  }

  /// Its tokens.
  ///
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)``, which never holds what stands in it.
  package func read() throws(DaemonError) -> TokenList {
    let bytes = try file.read()
    var tokens: [Token] = []
    for (index, line) in bytes.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).enumerated() {
      let text = Self.trimmed(String(decoding: line, as: UTF8.self))
      guard !text.isEmpty, !text.hasPrefix("#") else { continue }
      do throws(Token.Flaw) { tokens.append(try Token(text)) } catch {
        throw file.flawed(
          "line \(index + 1) \(error.words)",
          hint: "`resnet-probe token new` makes tokens; a comment begins with #")
      }
    }
    guard !tokens.isEmpty else {
      throw file.flawed(
        "it holds no token", hint: "`resnet-probe token new --file \(path)` adds one")
    }
    return TokenList(tokens)
  }

  /// Adds a token, after a comment with its scope and when it was made; makes the file, mode 0600, where
  /// there is none.
  ///
  /// Both lines go in with one write at the end, so a daemon that reads meanwhile sees all or nothing.
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)``; the file is then as it was.
  public func append(_ token: Token, at now: Double) throws(DaemonError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else {
      throw file.flawed(
        String(cString: strerror(errno)), hint: "check that its folder exists and can be written")
    }
    defer { close(descriptor) }
    // Of two that append at once, neither takes the other's lines back.
    flock(descriptor, LOCK_EX)
    let size = try file.check(descriptor)
    var last: UInt8 = UInt8(ascii: "\n")
    if size > 0 { pread(descriptor, &last, 1, off_t(size - 1)) }
    let lines = "# \(token.scope.rawValue), made \(Timestamp.format(now))\n\(token.text)\n"
    let bytes = Array((last == UInt8(ascii: "\n") ? lines : "\n" + lines).utf8)
    guard Self.write(bytes, to: descriptor), fsync(descriptor) == 0 else {
      let reason = String(cString: strerror(errno))
      ftruncate(descriptor, off_t(size))
      throw file.flawed(reason, hint: "check its disk")
    }
  }

  /// Whether all bytes could be written; else `errno` says why not.
  private static func write(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func trimmed(_ line: String) -> String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    let start = line.drop(while: isBlank)
    return String(start.reversed().drop(while: isBlank).reversed())
  }
}
