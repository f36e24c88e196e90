import FoundationEssentials

/// A run's configuration as the store keeps it: a JSON object of strings, keys sorted.
enum ConfigText {
  static func write(_ config: [String: String]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Strings always encode.
    return (try? encoder.encode(config)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
