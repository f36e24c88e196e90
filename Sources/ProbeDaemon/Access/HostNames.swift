import Glibc

/// The names under which a daemon may be asked over the network.
///
/// A page in a browser can make its own name lead to any address, to this daemon's too (DNS rebinding),
/// and the browser then takes the daemon for that page's server. But it sends the name along.
package struct HostNames: Sendable {
  /// In lower case; `*.` stands for one label.
  private let names: Set<String>

  /// `localhost` and these names.
  package init(_ names: [String]) {
    self.names = Set(names.map { Self.plain($0) } + ["localhost"])
  }

  /// Whether a request may name `authority`, a host with or without a port, as its `Host`.
  ///
  /// An address always may: no page's name leads there with the address for a name. The port may be any:
  /// forwarded ones differ.
  package func allow(_ authority: String) -> Bool {
    guard let host = Self.host(of: authority) else { return false }
    if Self.isAddress(host) { return true }
    let name = Self.plain(host)
    if name.contains("*") { return false }
    if names.contains(name) { return true }
    guard let point = name.firstIndex(of: "."), point > name.startIndex else { return false }
    return names.contains("*\(name[point...])")
  }

  /// The host of an authority; nil where it is none.
  ///
  /// Source: RFC 9110, section 7.2.
  private static func host(of authority: String) -> String? {
    var host = Substring(authority)
    if host.hasPrefix("[") {
      guard let end = host.firstIndex(of: "]") else { return nil }
      let rest = host[host.index(after: end)...]
      return isPort(rest) ? String(host[...end]) : nil
    }
    if let colon = host.firstIndex(of: ":") {
      guard isPort(host[colon...]) else { return nil }
      host = host[..<colon]
    }
    return host.isEmpty ? nil : String(host)
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.isEmpty || text.hasPrefix(":") && text.dropFirst().allSatisfy { "0"..."9" ~= $0 }
  }

  private static func isAddress(_ host: String) -> Bool {
    var bytes = in6_addr()
    if host.hasPrefix("[") {
      return inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &bytes) == 1
    }
    return inet_pton(AF_INET, host, &bytes) == 1
  }

  /// In lower case and without the point that may end a name.
  private static func plain(_ name: String) -> String {
    let lower = name.lowercased()
    return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
  }
}
