/// The small words of sentences: numbers with their nouns, lists of names.
package enum Words {
  /// "1 block", "3 blocks": a number and its noun; the plural is the singular with an s unless given.
  package static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(number) " + (number == 1 ? singular : plural ?? singular + "s")
  }

  /// "is" or "are", "has" or "have": a verb that agrees with a number.
  package static func verb(_ number: Int, _ singular: String, _ plural: String) -> String {
    number == 1 ? singular : plural
  }

  /// The most names that a sentence lists.
  package static let listedNames = 12

  /// Names made printable and separated by commas; after ``listedNames`` it counts the rest.
  package static func names(_ names: [String]) -> String {
    guard names.count > listedNames + 1 else {
      return names.map { PrintableText.escape($0) }.joined(separator: ", ")
    }
    let shown = names.prefix(listedNames).map { PrintableText.escape($0) }
    return shown.joined(separator: ", ") + " and \(names.count - listedNames) more"
  }
}
