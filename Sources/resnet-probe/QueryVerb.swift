import ArgumentParser
import ProbeCore
import ProbeReport
import ProbeStore

/// `query`: a user's own SQL, read-only.
struct QueryVerb: ParsableCommand {
  /// How rows are printed.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table
    case csv
    case json
    case jsonl
  }

  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Run one SQL statement that reads the store.",
    discussion: """
      `resnet-probe schema` prints tables and views. Anything that writes or attaches is refused. \
      A table shows the columns that fit the terminal; the other formats show all.

      Examples:
        resnet-probe query "SELECT name, identity_gap_p50 FROM block_latest WHERE run_id = 1"
        resnet-probe query --format csv "SELECT step, loss FROM run_step WHERE run_id = 1"
      """)

  @Argument(help: ArgumentHelp("One SQL statement.", valueName: "sql"))
  var sql: String

  @Option(help: "How to print the rows.")
  var format: Format?

  @Flag(help: "Print a JSON array: --format json.")
  var json = false

  @OptionGroup var options: StoreOptions

  func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) contradict each other")
    }
  }

  func run() throws {
    _ = try options.openForReading()
    var query = try GuardedQuery(sql, onStoreAt: try options.path())
    let columns = query.columns.map { Table.Column($0) }
    switch json ? .json : format ?? .table {
    case .table:
      var table = Table(columns: columns)
      while let row = try query.next() { table.append(row) }
      let terminal = Terminal()
      let renderer = TableRenderer(width: terminal.width, colour: terminal.hasColour)
      try Output.write(renderer.render(table))
    case .csv:
      var renderer = CSVRenderer(columns: columns)
      try Output.write(renderer.header)
      while let row = try query.next() { try Output.write(renderer.row(row)) }
    case .json:
      var renderer = JSONArrayRenderer(columns: columns)
      while let row = try query.next() { try Output.write(renderer.row(row)) }
      try Output.write(renderer.end)
    case .jsonl:
      var renderer = JSONLinesRenderer(columns: columns)
      while let row = try query.next() { try Output.write(renderer.row(row)) }
    }
  }
}
