/// Pieces of JSON written by hand, where the order of keys matters or text comes row by row.
package enum JSONText {
  /// A string in quotes; whatever is not printable is escaped.
  package static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if PrintableText.isPrintable(scalar) {
          result.unicodeScalars.append(scalar)
        } else {
          result += escape(scalar)
        }
      }
    }
    return result + "\""
  }

  /// A number; null where it is not finite.
  package static func number(_ value: Double) -> String {
    value.isFinite ? value.description : "null"
  }

  /// A JSON text with everything that is not printable in its strings written as `\u` escapes.
  ///
  /// Outside strings JSON holds printable ASCII and newlines only, so no place needs telling apart.
  package static func escapingUnprintables(_ json: String) -> String {
    func stays(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "\n" || PrintableText.isPrintable(scalar)
    }
    guard !json.unicodeScalars.allSatisfy(stays) else { return json }
    var result = ""
    for scalar in json.unicodeScalars {
      if stays(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += escape(scalar)
      }
    }
    return result
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    UTF16.width(scalar) == 1
      ? unit(UInt16(scalar.value))
      : unit(UTF16.leadSurrogate(scalar)) + unit(UTF16.trailSurrogate(scalar))
  }

  private static func unit(_ value: UInt16) -> String {
    let digits = String(value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
