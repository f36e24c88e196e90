import HTTPTypes
import HummingbirdCore
import Logging

/// Who may ask what over the network: the rules of one listening place.
///
/// A Unix socket needs none of them, its file says who may connect.
struct AccessControl: Sendable {
  let credentials: Credentials
  /// The names that requests may give the daemon beside those of its certificate.
  let names: [String]
  let refusals: RefusalLog

  /// What a request's bearer may do.
  ///
  /// - Throws: ``Problem`` 400 or 421 for a `Host` that cannot be or is not this daemon, 403 for one that
  ///   a page elsewhere sent, 401 for one without a token of this daemon.
  func scopes(of request: HTTPRequest) throws(Problem) -> Set<TokenScope> {
    let certificate = credentials.certificate
    guard request.path?.hasPrefix("/") == true else {
      throw Problem(.badRequest, "the request's target is no path")
    }
    guard let host = request.authority, !host.isEmpty, request.headerFields[Self.host] == nil else {
      throw Problem(.badRequest, "the request has not one Host")
    }
    guard HostNames(names + (certificate?.names ?? [])).allow(host) else {
      throw Problem(
        .misdirectedRequest,
        "this daemon does not go by the name in Host; `resnet-probe serve --host` gives it another")
    }
    // Browsers send it with every request from a page: only a page of this daemon's own may ask.
    for origin in request.headerFields[values: .origin] {
      let own = "\(certificate == nil ? "http" : "https")://\(host)"
      guard origin.lowercased() == own.lowercased() else {
        throw Problem(.forbidden, "a page of another origin may not ask this daemon")
      }
    }
    return try scopes(bearing: request.headerFields[values: .authorization])
  }

  private func scopes(bearing fields: [String]) throws(Problem) -> Set<TokenScope> {
    guard fields.count == 1, let token = Self.bearer(fields[0]) else {
      throw .unauthorized("a token is needed here: Authorization: Bearer <token>", "Bearer")
    }
    let scopes = credentials.tokens.scopes(of: token.utf8)
    guard !scopes.isEmpty else {
      throw .unauthorized(
        "the token is none of this daemon's; `resnet-probe token new` makes one",
        "Bearer error=\"invalid_token\"")
    }
    return scopes
  }

  /// The token of an `Authorization`.
  ///
  /// Source: RFC 6750, section 2.1.
  private static func bearer(_ field: String) -> Substring? {
    let parts = field.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return parts[1].drop { $0 == " " }
  }

  private static let host = HTTPField.Name("Host")!
}

extension Problem {
  /// Whoever asks has to say who it is, in the way of `challenge`.
  static func unauthorized(_ detail: String, _ challenge: String) -> Problem {
    var problem = Problem(.unauthorized, detail)
    problem.challenge = challenge
    return problem
  }

  /// The bearer of a token may not do this.
  static func beyond(_ scopes: Set<TokenScope>, needing needed: Set<TokenScope>) -> Problem {
    let (own, wanted) = (Self.list(scopes), Self.list(needed))
    var problem = Problem(
      .forbidden, "the token's scope is \(own), and this needs one of scope \(wanted)")
    problem.challenge = "Bearer error=\"insufficient_scope\", scope=\"\(wanted)\""
    return problem
  }

  private static func list(_ scopes: Set<TokenScope>) -> String {
    scopes.map(\.rawValue).sorted().joined(separator: " ")
  }
}
