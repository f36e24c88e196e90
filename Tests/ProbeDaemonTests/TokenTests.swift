import Foundation
import ProbeDaemon
import Support
import Testing

@Suite struct TokenTests {
  @Test(arguments: TokenScope.allCases)
  func `a new token is its scope's prefix and 32 random bytes, each time others`(
    scope: TokenScope
  ) throws {
    let texts = (0..<200).map { _ in Token(newFor: scope).text }
    #expect(Set(texts).count == texts.count)
    for text in texts {
      #expect(text.wholeMatch(of: #/rp_[wr]_[A-Za-z0-9_-]{43}/#) != nil, "\(text)")
      #expect(try Token(text).scope == scope)
    }
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
    ("foobar", "Zm9vYmFy"), ("\u{3F}\u{3F}\u{3F}>~~", "Pz8_Pn5-"),
  ])
  func `bytes are written as RFC 4648 says, with a URL's letters and no padding`(
    plain: String, text: String
  ) {
    #expect(Token.base64URL(Array(plain.utf8)) == text)
  }

  @Test func `what is no token says which rule it breaks`() throws {
    func flaw(_ text: String) -> Token.Flaw? {
      do throws(Token.Flaw) { _ = try Token(text) } catch { return error }
      return nil
    }
    let longest = "rp_r_" + String(repeating: "x", count: 507)
    #expect(flaw(longest) == nil && flaw("rp_w_" + String(repeating: "x", count: 27)) == nil)
    #expect(flaw(longest + "x") == .long)
    #expect(flaw("rp_w_" + String(repeating: "x", count: 26)) == .short)
    #expect(flaw("rp_x_" + String(repeating: "x", count: 40)) == .prefix)
    #expect(flaw("rp_w_" + String(repeating: "x", count: 40) + " y") == .characters)
    #expect(flaw("rp_w_" + String(repeating: "ü", count: 40)) == .characters)
  }

  @Test func `each token opens its own scope, and nothing that differs in a bit or in length does`()
    throws
  {
    let tokens = (0..<20).map { Token(newFor: $0 % 3 == 0 ? .read : .write) }
    let list = TokenList(tokens)
    #expect(list.counts == [.read: 7, .write: 13])
    for token in tokens {
      #expect(list.scopes(of: token.text.utf8) == [token.scope])
      let bytes = Array(token.text.utf8)
      for index in bytes.indices {
        for bit in 0..<8 {
          var other = bytes
          other[index] ^= 1 << bit
          #expect(list.scopes(of: other).isEmpty)
        }
      }
      for other in [bytes.dropLast(), bytes + [0], bytes + bytes, []] {
        #expect(list.scopes(of: other).isEmpty)
      }
      #expect(list.scopes(of: bytes + [UInt8](repeating: 0, count: 512 - bytes.count)).isEmpty)
      #expect(list.scopes(of: [UInt8](repeating: 65, count: 100_000)).isEmpty)
    }
    #expect(TokenList([]).scopes(of: "".utf8).isEmpty)
  }
}

@Suite struct TokenFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("tokens") }

  init() throws { folder = try TemporaryFolder() }

  private func write(_ text: String, mode: mode_t = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try #require(chmod(path, mode) == 0)
  }

  /// What reading says; nil where it succeeds.
  private func failure(_ path: String? = nil) -> DaemonError? {
    do throws(DaemonError) { _ = try TokenFile(at: path ?? self.path).read() } catch {
      return error
    }
    return nil
  }

  @Test func `comments, blank lines, spaces around and line ends of Windows are passed over`()
    throws
  {
    let tokens = [Token(newFor: .write), Token(newFor: .read)]
    try write(
      "# lab\r\n\n  \(tokens[0].text)\t\r\n\t# \(Token(newFor: .read).text)\n\(tokens[1].text)")
    let list = try TokenFile(at: path).read()
    #expect(list.counts == [.read: 1, .write: 1])
    for token in tokens { #expect(list.scopes(of: token.text.utf8) == [token.scope]) }
  }

  @Test func `a line that is no token is named by its number, and what stands there is not told`()
    throws
  {
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
    let good = Token(newFor: .write).text
    for (line, words) in [
      (secret, "line 3 begins with neither rp_w_ (write) nor rp_r_ (read)"),
      ("rp_w_\(secret.prefix(9))", "line 3 has fewer than 32 characters"),
      ("rp_w_\(secret) # mine", "line 3 has a space or another character that no token has"),
      (
        "rp_w_" + String(repeating: secret, count: 20), "line 3 has more than 512 characters"
      ),
    ] {
      try write("# first\n\(good)\n\(line)\n")
      let error = try #require(failure())
      #expect("\(error)" == "cannot use the token file \(path): \(words)")
      #expect(!"\(error) \(error.hint)".contains("hunter2"))
    }
    for empty in ["", "\n\n", "# only a comment\n"] {
      try write(empty)
      #expect(
        "\(try #require(failure()))" == "cannot use the token file \(path): it holds no token")
    }
  }

  @Test func `a file that others can read, or that is none, is refused`() throws {
    let text = Token(newFor: .write).text + "\n"
    for mode in [0o640, 0o604, 0o660, 0o700 | 0o001] as [mode_t] {
      try write(text, mode: mode)
      let error = try #require(failure())
      #expect(
        "\(error)"
          == "cannot use the token file \(path): its mode 0\(String(mode, radix: 8)) lets others at it"
      )
      #expect(error.hint == "`chmod 600` keeps it to its owner")
    }
    try write(text, mode: 0o400)
    #expect(failure() == nil)
    #expect(
      "\(try #require(failure(folder.file("none"))))".hasSuffix(": No such file or directory"))
    #expect("\(try #require(failure(folder.path)))".hasSuffix(": it is no plain file"))
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect("\(try #require(failure(pipe)))".hasSuffix(": it is no plain file"))
    #expect("\(try #require(failure("/dev/zero")))".hasSuffix(": it is no plain file"))
    try write(String(repeating: "# long\n", count: 200_000))
    #expect("\(try #require(failure()))".hasSuffix(": it has more than 1 MiB"))
    // A link counts as the file that it leads to.
    let link = folder.file("link")
    #expect(symlink("/etc/hostname", link) == 0)
    #expect(failure(link) != nil)
    if geteuid() == 0 {
      try write(text)
      #expect(chown(path, 12345, 12345) == 0)
      #expect("\(try #require(failure()))".hasSuffix(": it belongs to another user"))
    }
  }

  @Test func `adding makes the file for its owner alone, and keeps what was there`() throws {
    let file = TokenFile(at: path)
    let tokens = (0..<3).map { Token(newFor: $0 == 1 ? .read : .write) }
    try file.append(tokens[0], at: 1.75e9)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    // An editor that ends no last line.
    var text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text == "# write, made 2025-06-15 15:06:40Z\n\(tokens[0].text)\n")
    try write(String(text.dropLast()))
    for token in tokens.dropFirst() { try file.append(token, at: 1.75e9) }
    text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.split(separator: "\n").count == 6)
    let list = try file.read()
    for token in tokens { #expect(list.scopes(of: token.text.utf8) == [token.scope]) }
  }

  @Test func `nothing is added to a file that others can read`() throws {
    try write("# mine\n", mode: 0o644)
    #expect(throws: DaemonError.self) {
      try TokenFile(at: path).append(Token(newFor: .write), at: 1.75e9)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "# mine\n")
  }

  @Test func `many that add at once lose nothing`() async throws {
    let path = path
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask { try? TokenFile(at: path).append(Token(newFor: .read), at: 1.75e9) }
      }
    }
    #expect(try TokenFile(at: path).read().counts == [.read: 50])
  }
}
