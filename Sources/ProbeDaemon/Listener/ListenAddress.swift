/// An address on the network to listen at, as a user writes it: `HOST:PORT`.
public struct ListenAddress: Sendable, Hashable {
  /// A name, or an address without brackets.
  public let host: String
  /// The port; 0: any that is free.
  public let port: UInt16

  /// The address that a text means; nil where it means none.
  ///
  /// An IPv6 address stands in brackets, as in a URL.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.allSatisfy({ "0"..."9" ~= $0 }), let port = UInt16(digits) else {
      return nil
    }
    let host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    let plain = isBracketed ? host.dropFirst().dropLast() : host
    guard !plain.isEmpty, plain.contains(":") == isBracketed,
      plain.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      !plain.contains(where: "[]/@?#".contains)
    else { return nil }
    self.host = String(plain)
    self.port = port
  }

  /// Host and port as in a URL.
  func authority(port: UInt16) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
