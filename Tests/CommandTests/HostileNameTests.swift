import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct HostileNameTests {
  private let hostile = "=cmd|' /C calc'!A0\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\"quoted\"\u{202e}\u{0}"

  private func journal() throws -> [UInt8] {
    var opened = Golden.opened
    opened.name = hostile
    opened.project = hostile
    opened.host = hostile
    opened.config = [hostile: hostile]
    let blocks = try BlockMap([Block(ordinal: 0, name: hostile)])
    var frame = Golden.frame(step: 0, gap: 0.5)
    frame.blocks.removeLast()
    frame.metrics = [Metric(key: hostile, value: 1)]
    var bytes = Journal.header(of: Golden.segment)
    for record in [Record.runOpened(opened), .blockMap(blocks), .frame(frame)] {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: Golden.segment))
    }
    return bytes
  }

  @Test func `nothing of a hostile name reaches a terminal, a log or a CSV cell raw`() throws {
    let command = try Command()
    let path = command.home.file("hostile.rpj")
    try Data(try journal()).write(to: URL(filePath: path))
    #expect(try command("ingest", path).code == 0)
    let outcomes = [
      try command("report"), try command("report", "--json"), try command("runs"),
      try command("runs", "--json"),
      try command("report", "--run", hostile.replacing("\u{0}", with: "")),
      try command("query", "SELECT name, project FROM run"),
      try command("query", "SELECT name, project FROM run", "--format", "csv"),
      try command("query", "SELECT key FROM metric", "--format", "jsonl"),
      try command("query", "SELECT 1 AS \"\u{1b}[2J\"", "--format", "csv"),
      try command("query", "SELECT '\u{1b}[2J' FROM nothing"),
    ]
    for (place, outcome) in outcomes.enumerated() {
      let bytes = Array((outcome.output + outcome.errors).utf8)
      #expect(!bytes.isEmpty, "outcome \(place)")
      #expect(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A })
      #expect(!(outcome.output + outcome.errors).unicodeScalars.contains("\u{202e}"))
    }
    let csv = outcomes[6].output
    #expect(csv.split(separator: "\n", omittingEmptySubsequences: false)[1].hasPrefix("\"'=cmd"))
  }
}
