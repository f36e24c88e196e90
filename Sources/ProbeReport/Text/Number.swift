/// Writes numbers the same on every machine: no locale, no grouping.
public enum Number {
  /// A number with so many significant digits.
  ///
  /// Plain from 0.0001 to below a million ("0.183", "12.3"; a whole part keeps all its digits:
  /// "1234"), with an exponent of at least two digits outside ("1.2e-06"). Halves round away from
  /// zero, on the shortest decimal that stands for the number. Not finite: "nan", "inf", "-inf".
  ///
  /// - Parameters:
  ///   - value: The number.
  ///   - significant: The digits to keep, at least 1.
  ///   - trimmed: Whether zeros at the end of a fraction are left out.
  /// - Returns: The digits as text.
  public static func format(
    _ value: Double, significant: Int = 3, trimmed: Bool = true
  ) -> String {
    precondition(significant >= 1, "a number has at least one significant digit")
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    guard value != 0 else { return "0" }
    var digits = DecimalDigits(value)
    let plainLimit = max(significant, 6)
    let keep = digits.exponent < plainLimit ? max(significant, digits.exponent + 1) : significant
    digits.round(to: keep)
    let isPlain = (-4..<plainLimit).contains(digits.exponent)
    if trimmed { digits.trim() } else { digits.extend(to: significant) }
    let text = isPlain ? digits.plain : digits.scientific
    return value < 0 ? "-" + text : text
  }

  /// A share as a percentage: "12 %", "0.4 %", "<0.1 %"; "100 %" only for all of it.
  public static func percent(_ share: Double) -> String {
    guard share.isFinite else { return format(share) + " %" }
    let percent = share * 100
    if percent > 0, percent < 0.1 { return "<0.1 %" }
    if percent < 100, percent >= 99.5 { return ">99 %" }
    let isSmall = abs(percent) < 0.95
    return format(percent, significant: isSmall ? 1 : 2) + " %"
  }
}

/// The decimal digits of a positive finite number: d₀.d₁d₂… × 10^exponent.
private struct DecimalDigits {
  var digits: [UInt8]
  var exponent: Int

  /// The shortest digits that stand for the number, as the standard library finds them.
  init(_ value: Double) {
    let text = abs(value).description
    let parts = text.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    let all = (mantissa[0] + fraction).utf8.map { $0 - UInt8(ascii: "0") }
    let zeros = all.prefix { $0 == 0 }.count
    digits = Array(all[zeros...])
    exponent = mantissa[0].count - 1 - zeros + (parts.count > 1 ? Int(parts[1])! : 0)
    trim()
  }

  mutating func round(to count: Int) {
    guard digits.count > count else { return }
    let roundsUp = digits[count] >= 5
    digits.removeSubrange(count...)
    guard roundsUp else { return }
    var place = count - 1
    while place >= 0, digits[place] == 9 {
      digits[place] = 0
      place -= 1
    }
    if place >= 0 {
      digits[place] += 1
    } else {
      digits = [1] + digits.dropLast()
      exponent += 1
    }
  }

  mutating func trim() {
    while digits.count > 1, digits.last == 0 { digits.removeLast() }
  }

  mutating func extend(to count: Int) {
    while digits.count < count { digits.append(0) }
  }

  private func text(_ digits: some Sequence<UInt8>) -> String {
    String(decoding: digits.map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
  }

  var plain: String {
    guard exponent >= 0 else {
      return "0." + String(repeating: "0", count: -exponent - 1) + text(digits)
    }
    let whole = exponent + 1
    guard digits.count > whole else {
      return text(digits) + String(repeating: "0", count: whole - digits.count)
    }
    return text(digits[..<whole]) + "." + text(digits[whole...])
  }

  var scientific: String {
    let fraction = digits.count > 1 ? "." + text(digits[1...]) : ""
    let size = abs(exponent)
    return text(digits[..<1]) + fraction + (exponent < 0 ? "e-" : "e+")
      + (size < 10 ? "0" : "") + String(size)
  }
}
