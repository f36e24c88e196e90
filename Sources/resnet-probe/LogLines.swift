public import ArgumentParser
import Glibc
public import Logging
import ProbeReport

/// The daemon's log: a line an event on standard error, as text or as a JSON object.
struct LogLines: LogHandler {
  /// What a line looks like.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    /// Time, level and words.
    case text
    /// One JSON object with `time`, `level`, `message` and whatever else there is.
    case json
  }

  let format: Format
  private let sink: LogSink
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(format: Format, level: Logger.Level, sink: LogSink) {
    self.format = format
    self.sink = sink
    logLevel = level
  }

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let details = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let now = Double(time(nil))
    sink.write(line(event.level, "\(event.message)", details, at: now)) { lost in
      line(.warning, "\(lost) lines of this log were dropped: nobody read them", [], at: now)
    }
  }

  /// One line; what comes from elsewhere and cannot be printed is escaped.
  func line(
    _ level: Logger.Level, _ message: String,
    _ details: [(key: String, value: Logger.MetadataValue)],
    at time: Double
  ) -> String {
    switch format {
    case .text:
      let words = ([message] + details.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
      return "\(Timestamp.format(time)) \(level.rawValue) \(PrintableText.escape(words))\n"
    case .json:
      let members =
        [("level", level.rawValue), ("message", message)]
        + details.map { ($0.key, "\($0.value)") }
      let texts = members.map { "\(JSONText.quote($0.0)): \(JSONText.quote($0.1))" }
      return "{\"time\": \(JSONText.number(time)), \(texts.joined(separator: ", "))}\n"
    }
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
