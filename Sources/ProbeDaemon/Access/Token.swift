/// What the bearer of a token may do.
public enum TokenScope: String, Sendable, Hashable, CaseIterable {
  /// Send journals, and ask for the health.
  case write
  /// Read runs, reports and series, and ask for the health.
  case read

  /// What tokens of this scope begin with, so that a scan for secrets finds them.
  var prefix: String {
    switch self {
    case .write: "rp_w_"
    case .read: "rp_r_"
    }
  }
}

/// A secret that a request over the network has to bear.
///
/// It has no description on purpose: no log and no message can show it by mistake.
public struct Token: Sendable {
  /// The fewest bytes of a token: a shorter one could be guessed.
  package static let shortest = 32
  /// The most bytes of a token.
  package static let longest = 512

  /// The secret.
  public let text: String
  /// What its bearer may do.
  public let scope: TokenScope

  /// Why a text is no token.
  package enum Flaw: Error, Hashable {
    case prefix
    case short
    case long
    case characters

    /// Follows "line 3"; never says what is there.
    var words: String {
      switch self {
      case .prefix:
        "begins with neither \(TokenScope.write.prefix) (write) nor \(TokenScope.read.prefix) (read)"
      case .short: "has fewer than \(Token.shortest) characters"
      case .long: "has more than \(Token.longest) characters"
      case .characters: "has a space or another character that no token has"
      }
    }
  }

  /// A token from its text.
  package init(_ text: String) throws(Flaw) {
    guard let scope = TokenScope.allCases.first(where: { text.hasPrefix($0.prefix) }) else {
      throw .prefix
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .characters }
    guard text.utf8.count >= Self.shortest else { throw .short }
    guard text.utf8.count <= Self.longest else { throw .long }
    self.text = text
    self.scope = scope
  }

  /// A new token: 32 bytes of the system's randomness in base64url after the scope's prefix.
  public init(newFor scope: TokenScope) {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
    self.scope = scope
    text = scope.prefix + Self.base64URL(bytes)
  }

  /// Bytes in base64url without padding.
  ///
  /// Source: RFC 4648, section 5.
  package static func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let value = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for index in 0...group.count { text.append(alphabet[value >> (18 - 6 * index) & 63]) }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
