/// Five shades that draw numbers on a linear scale; they need no colour.
public struct Shading: Sendable, Hashable {
  /// Where the lowest shade begins; all below is drawn with it.
  public let low: Double
  /// Where the highest shade ends; all above is drawn with it.
  public let high: Double

  /// The shades from low to high: blank, light, medium, dark, full.
  public static let elements: [Character] = [" ", "░", "▒", "▓", "█"]
  /// What is drawn where there is no number.
  public static let undefined: Character = "·"

  /// A scale between two finite numbers, cut into five equal steps.
  public init(low: Double, high: Double) {
    precondition(
      low <= high && (high - low).isFinite, "a linear scale needs low ≤ high, not too far apart")
    self.low = low
    self.high = high
  }

  /// The shade of a number; nil and NaN are undefined.
  ///
  /// A number on the edge of two steps has the upper one's. Where the scale is one point, that point and
  /// all below are blank and all above full.
  public func element(_ value: Double?) -> Character {
    guard let value, !value.isNaN else { return Self.undefined }
    let top = Self.elements.count - 1
    guard low < high else { return value > high ? Self.elements[top] : Self.elements[0] }
    let share = (min(high, max(low, value)) - low) / (high - low)
    return Self.elements[min(top, Int(share * Double(Self.elements.count)))]
  }

  /// What the shades stand for: "blank below 0.1, ░ below 0.2, … █ up to 0.5".
  public var legend: String {
    guard low < high else { return "all \(Number.format(low, significant: 2))" }
    let steps = Double(Self.elements.count)
    let ends = (1...Self.elements.count).map { low + (high - low) * Double($0) / steps }
    // As few digits as tell the steps apart.
    let texts = (2...6).lazy.map { digits in
      ends.map { Number.format($0, significant: digits) }
    }
    let distinct = texts.first { Set($0).count == $0.count } ?? texts.last!
    let parts = zip(Self.elements, distinct).map { element, end in
      let name = element == " " ? "blank" : String(element)
      let words = [name] + (element == Self.elements.last ? ["up", "to"] : ["below"]) + [end]
      return words.joined(separator: String(WordWrap.firmSpace))
    }
    return parts.joined(separator: ", ")
  }
}
