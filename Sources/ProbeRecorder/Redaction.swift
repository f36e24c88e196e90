/// Takes secrets out of a configuration before it is written.
///
/// A value goes where its key, split into words at everything but letters and digits and at capital
/// letters, holds a word such as "password", "secret" or "token", or "api key" side by side. So
/// `HF_TOKEN` and `apiKey` go while `tokenizer` and `max_tokens` stay.
package enum Redaction {
  /// What stands in a secret's place.
  package static let mark = "(redacted)"

  private static let words: Set<String> = [
    "apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "passwd",
    "password", "passphrase", "pwd", "secret", "secrets", "token",
  ]

  private static let pairs: Set<String> = ["api key", "access key", "private key", "secret key"]

  /// The configuration with secrets replaced.
  package static func redacted(_ config: [String: String]) -> [String: String] {
    config.reduce(into: [:]) { result, entry in
      result[entry.key] = isSecret(key: entry.key) ? mark : entry.value
    }
  }

  /// Whether a key speaks of a secret.
  package static func isSecret(key: String) -> Bool {
    let parts = split(key)
    if parts.contains(where: words.contains) { return true }
    return zip(parts, parts.dropFirst()).contains { pairs.contains("\($0) \($1)") }
  }

  private static func split(_ key: String) -> [String] {
    var parts: [String] = []
    var part = ""
    var wasLower = false
    for character in key {
      let startsWord = character.isUppercase && wasLower
      if startsWord || !(character.isLetter || character.isNumber) {
        if !part.isEmpty { parts.append(part) }
        part = ""
      }
      if character.isLetter || character.isNumber { part += character.lowercased() }
      wasLower = character.isLowercase
    }
    return part.isEmpty ? parts : parts + [part]
  }
}
