/// Writes points in time without a calendar library.
public enum Timestamp {
  /// A time in UTC to the second, as in "2025-03-01 12:34:05Z".
  ///
  /// - Parameter seconds: Unit: seconds since 1970.
  /// - Returns: "unknown" outside the years 1 to 9999 and for what is not finite.
  public static func format(_ seconds: Double) -> String {
    guard seconds.isFinite, (-62_135_596_800.0..<253_402_300_800.0).contains(seconds) else {
      return "unknown"
    }
    let whole = Int(seconds.rounded(.down))
    let day = floorDivide(whole, 86_400)
    let second = whole - day * 86_400
    let (year, month, dayOfMonth) = civil(day)
    return "\(two(year / 100))\(two(year % 100))-\(two(month))-\(two(dayOfMonth)) "
      + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
  }

  /// The date of a day counted from 1970-01-01.
  ///
  /// Source: Hinnant 2013, `civil_from_days`.
  private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = floorDivide(shifted, 146_097)
    let ofEra = shifted - era * 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let shiftedMonth = (5 * ofYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (
      year + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }

  private static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : (a - b + 1) / b }

  private static func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
}
