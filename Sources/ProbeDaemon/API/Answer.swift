import HTTPTypes

/// What a client gets: status, headers and text.
struct Answer {
  var status: HTTPResponse.Status
  var headers: HTTPFields
  var body: String

  /// An answer of JSON.
  init(_ status: HTTPResponse.Status = .ok, json body: String) {
    self.status = status
    self.body = body
    headers = [.contentType: "application/json", .cacheControl: "no-store"]
  }
}
