internal import FoundationEssentials

/// Any JSON, to see what a renderer really wrote.
indirect enum JSONValue: Decodable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  static func parse(_ text: String) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }

  subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  subscript(place: Int) -> JSONValue? {
    if case .array(let values) = self, values.indices.contains(place) { values[place] } else { nil }
  }

  /// The paths of all keys below, "a.b"; of an array those of its first element.
  var paths: [String] {
    switch self {
    case .object(let members):
      members.flatMap { key, value in [key] + value.paths.map { key + "." + $0 } }.sorted()
    case .array(let values): values.first?.paths ?? []
    default: []
    }
  }
}
