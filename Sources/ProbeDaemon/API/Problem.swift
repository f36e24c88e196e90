import HTTPTypes
import ProbeReport
import ProbeStore

/// Why a request was not answered as asked: what the client gets instead.
///
/// Source: RFC 9457, Problem Details for HTTP APIs.
struct Problem: Error, Hashable {
  /// The status that it is answered with.
  var status: HTTPResponse.Status
  /// One sentence: what was attempted, on what, why it failed, what to do next.
  var detail: String
  /// How far the segment is in the store, where the request was about one.
  var offset: Int?
  /// When asking again makes sense.
  ///
  /// Unit: seconds.
  var retryAfter: Int?
  /// The method that the path does answer to, where the request's is not it.
  var allowed: HTTPRequest.Method?
  /// How to say who asks, where that is what was wrong.
  var challenge: String?

  init(_ status: HTTPResponse.Status, _ detail: String) {
    self.status = status
    self.detail = detail
  }

  /// What a store's or the daemon's failure is to a client.
  init(_ error: DaemonError) {
    let (status, retryAfter): (HTTPResponse.Status, Int?) =
      switch error {
      case .store(let error):
        switch error.kind {
        case .notFound: (.notFound, nil)
        case .refused: (.unprocessableContent, nil)
        case .full: (.init(code: 507, reasonPhrase: "Insufficient Storage"), 4)
        case .noStore, .gone, .failed: (.serviceUnavailable, 5)
        }
      case .queueFull, .tooManyReads: (.tooManyRequests, 1)
      case .stopping: (.serviceUnavailable, 5)
      case .locked, .socket, .credentials: (.serviceUnavailable, 5)
      }
    self.init(status, error.hint.isEmpty ? "\(error)" : "\(error); \(error.hint)")
    self.retryAfter = retryAfter
  }

  /// The answer in bytes; about a segment it also has the members `offset` and `problem`.
  var answer: Answer {
    var members = [
      #""type": "about:blank""#, #""title": \#(JSONText.quote(status.reasonPhrase))"#,
      #""status": \#(status.code)"#, #""detail": \#(JSONText.quote(detail))"#,
    ]
    if let offset {
      members += [#""offset": \#(offset)"#, #""problem": \#(JSONText.quote(detail))"#]
    }
    var answer = Answer(status, json: "{\(members.joined(separator: ", "))}\n")
    answer.headers[.contentType] = "application/problem+json"
    answer.headers[.retryAfter] = retryAfter.map(String.init)
    answer.headers[.wwwAuthenticate] = challenge
    if let allowed { answer.headers[.allow] = allowed.rawValue }
    return answer
  }
}
