import HTTPTypes
import ProbeAnalysis
import ProbeCore
import ProbeReport
import ProbeStore

/// What can be read of a store over HTTP: the same as the command prints with `--json`.
///
/// Each answer has a connection of its own: a store that was deleted or replaced shows at once.
struct Reads: Sendable {
  /// The store's path.
  let path: String

  /// Every run, the newest first.
  func runs(at now: Double) throws -> Answer {
    let runs = try Store.openForReading(at: path).runs()
    return Answer(json: JSONArrayRenderer.render(RunsTable.json(runs, at: now)))
  }

  /// The report on a run.
  func report(_ selector: RunSelector) throws -> Answer {
    let store = try Store.openForReading(at: path)
    let run = try store.select(selector).run
    let settings = VerdictSettings()
    let judged = try JudgedRun(run, in: store, settings: settings)
    let report = Report(
      history: judged.history, verdicts: judged.verdicts, window: judged.window,
      settings: settings)
    return Answer(json: JSONRenderer().render(report))
  }

  /// Series of one block.
  func series(_ selector: RunSelector, ordinal: Int, _ request: SeriesRequest) throws -> Answer {
    let store = try Store.openForReading(at: path)
    let run = try store.select(selector).run
    let series = try store.series(ofBlock: ordinal, inRun: run, request)
    let records = Table(
      columns: (["step"] + series.statistics).map { Table.Column($0) }, rows: series.records)
    return Answer(
      json: """
        {"run": \(run.id), "ordinal": \(ordinal), "block": \(JSONText.quote(series.block)), \
        "next": \(series.next.map(String.init) ?? "null"), "records": \
        \(JSONArrayRenderer.render(records))}

        """)
  }
}

extension SeriesRequest {
  /// What the parameters `statistics` (names with commas between), `from` and `limit` ask for.
  init(_ query: Query) throws(Problem) {
    let names = query.text("statistics")?.split(separator: ",").map(String.init)
    guard names?.isEmpty != true else {
      throw Problem(.badRequest, "the parameter statistics names none")
    }
    let limit = try query.number("limit") ?? 1000
    guard (1...Self.longest).contains(limit) else {
      throw Problem(.badRequest, "the parameter limit is \(limit), not within 1 to \(Self.longest)")
    }
    self.init(statistics: names ?? Self.usual, from: try query.number("from") ?? 0, limit: limit)
  }
}
