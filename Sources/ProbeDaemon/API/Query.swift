import HTTPTypes
import HummingbirdCore

/// The parameters after the question mark, each at most once.
struct Query {
  private var values: [String: String] = [:]

  init(_ uri: URI) throws(Problem) {
    for (key, value) in uri.queryParameters {
      guard values.updateValue(String(value), forKey: String(key)) == nil else {
        throw Problem(.badRequest, "the parameter \(key) is there twice")
      }
    }
  }

  /// A misspelt parameter would count as left out, and an offset of 0 is another question.
  func check(known: Set<String>) throws(Problem) {
    guard let stranger = values.keys.filter({ !known.contains($0) }).min() else { return }
    throw Problem(
      .badRequest,
      "there is no parameter \(stranger)"
        + (known.isEmpty ? " here" : "; there are \(known.sorted().joined(separator: ", "))"))
  }

  /// A parameter's text; nil where it is not there.
  func text(_ name: String) -> String? { values[name] }

  /// A parameter that is a number from 0; nil where it is not there.
  func number(_ name: String) throws(Problem) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw Problem(.badRequest, "the parameter \(name) is \(text), no number from 0")
    }
    return number
  }
}
