/// The tokens that a daemon takes.
package struct TokenList: Sendable {
  /// A token as words of a fixed number, zeros after its end, its length last; and its scope as a bit.
  private struct Entry {
    var words: [UInt64]
    var bit: UInt64
  }

  private let entries: [Entry]
  /// How many tokens there are of each scope.
  package let counts: [TokenScope: Int]

  package init(_ tokens: [Token]) {
    entries = tokens.map { Entry(words: Self.words($0.text.utf8), bit: Self.bit($0.scope)) }
    counts = Dictionary(grouping: tokens, by: \.scope).mapValues(\.count)
  }

  /// What the bearer of a token may do; empty where it is none of these.
  ///
  /// Every token is compared to its end, so the time tells nothing of where, or with which one, a text
  /// begins to differ.
  package func scopes(of presented: some Collection<UInt8>) -> Set<TokenScope> {
    // One that is too long becomes no token at all, and is compared all the same.
    let words = Self.words(presented.count <= Token.longest ? Array(presented) : [])
    var found: UInt64 = 0
    for entry in entries {
      var difference: UInt64 = 0
      for index in words.indices { difference |= words[index] ^ entry.words[index] }
      // All ones where nothing differs, else zero, without a branch.
      let isEqual = ((difference | (0 &- difference)) >> 63) &- 1
      found |= isEqual & entry.bit
    }
    return Set(TokenScope.allCases.filter { found & Self.bit($0) != 0 })
  }

  private static func bit(_ scope: TokenScope) -> UInt64 {
    switch scope {
    case .write: 1
    case .read: 2
    }
  }

  private static func words(_ bytes: some Collection<UInt8>) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: Token.longest / 8 + 1)
    words[Token.longest / 8] = UInt64(bytes.count)
    for (index, byte) in bytes.enumerated() {
      words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8))
    }
    return words
  }
}
