/// The few looks of a word on a terminal; the sixteen colours that every theme defines.
enum Style: String, Sendable {
  case plain = ""
  case bold = "1"
  case dim = "2"
  case yellow = "33"

  /// The text between the codes that switch the look on and off; unchanged where it is plain,
  /// blank or `isOn` is false.
  func paint(_ text: String, isOn: Bool) -> String {
    guard isOn, self != .plain, text.contains(where: { $0 != " " }) else { return text }
    return "\u{1b}[\(rawValue)m\(text)\u{1b}[0m"
  }
}
