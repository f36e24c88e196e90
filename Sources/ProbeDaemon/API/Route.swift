import HTTPTypes
import HummingbirdCore
import ProbeStore
import ProbeWire

/// What a request asks for: method, path and query, parsed once.
enum Route: Hashable {
  /// `POST /v1/journals/<journal id>.<segment>?offset=N`
  case append(segment: SegmentIdentity, offset: Int)
  /// `GET /v1/health`
  case health
  /// `GET /v1/runs`
  case runs
  /// `GET /v1/runs/{run}/report`
  case report(RunSelector)
  /// `GET /v1/runs/{run}/blocks/{ordinal}/series?statistics=…&from=…&limit=…`
  case series(RunSelector, ordinal: Int, SeriesRequest)

  /// The route of a request's head.
  ///
  /// - Throws: ``Problem`` 404 for a path that there is none of, 405 for a method that it does not
  ///   answer to, 400 for a part that cannot be.
  init(method: HTTPRequest.Method, uri: URI) throws(Problem) {
    let path = try uri.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
      .map { part throws(Problem) in
        guard let text = PercentEncoding.decode(part) else {
          throw Problem(.badRequest, "the path is not percent-encoded UTF-8")
        }
        return text
      }
    let query = try Query(uri)
    guard path.first == "v1" else { throw Self.unknown(uri) }
    switch (path.count, path.dropFirst().first) {
    case (2, "health"): self = .health
    case (2, "runs"): self = .runs
    case (4, "runs") where path[3] == "report": self = .report(RunSelector(path[2]))
    case (6, "runs") where path[3] == "blocks" && path[5] == "series":
      guard let ordinal = Int(path[4]), ordinal >= 0 else {
        throw Problem(.badRequest, "the block \(path[4]) is no ordinal: a number from 0")
      }
      self = .series(RunSelector(path[2]), ordinal: ordinal, try SeriesRequest(query))
    case (3, "journals"):
      guard let segment = SegmentIdentity(fileName: "\(path[2]).rpj") else {
        throw Problem(
          .badRequest,
          "\(path[2]) names no segment: 32 lower-case hexadecimal digits, a point, a number")
      }
      self = .append(segment: segment, offset: try query.number("offset") ?? 0)
    default: throw Self.unknown(uri)
    }
    try query.check(known: parameters)
    // HEAD is GET without the body.
    guard method == self.method || method == .head && self.method == .get else {
      var problem = Problem(
        .methodNotAllowed,
        "\(uri.path) answers to \(self.method.rawValue), not to \(method.rawValue)")
      problem.allowed = self.method
      throw problem
    }
  }

  /// Which scopes of tokens open it; any one of them does.
  var scopes: Set<TokenScope> {
    switch self {
    case .append: [.write]
    case .health: [.write, .read]
    case .runs, .report, .series: [.read]
    }
  }

  /// The parameters that the route knows.
  private var parameters: Set<String> {
    switch self {
    case .append: ["offset"]
    case .series: ["statistics", "from", "limit"]
    case .health, .runs, .report: []
    }
  }

  private var method: HTTPRequest.Method {
    switch self {
    case .append: .post
    case .health, .runs, .report, .series: .get
    }
  }

  private static func unknown(_ uri: URI) -> Problem {
    Problem(
      .notFound,
      "there is nothing at \(uri.path); there are /v1/health, /v1/runs, /v1/runs/{run}/report, "
        + "/v1/runs/{run}/blocks/{ordinal}/series and /v1/journals/{journal}.{segment}")
  }
}
