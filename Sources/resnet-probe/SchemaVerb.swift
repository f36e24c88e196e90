import ArgumentParser
import ProbeCore
import ProbeReport
import ProbeStore

/// `schema`: the store's tables and views, explained.
struct SchemaVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the store's schema with its explanations.",
    discussion: """
      Examples:
        resnet-probe schema
        resnet-probe schema --view block_latest
      """)

  @Option(help: ArgumentHelp("Only this view or table.", valueName: "name"))
  var view: String?

  @Flag(help: "Print JSON: a list of {name, sql}.")
  var json = false

  func run() throws {
    let names = try view.map { [try Self.known($0)] } ?? SchemaText.names
    guard json else {
      let text = try view.map { SchemaText.part(try Self.known($0)) ?? "" } ?? SchemaText.whole
      return try Output.write(text)
    }
    let rows = names.map { [Cell.text($0), .text(SchemaText.part($0) ?? "")] }
    let table = Table(columns: [.init("name"), .init("sql")], rows: rows)
    try Output.write(JSONArrayRenderer.render(table))
  }

  private static func known(_ name: String) throws -> String {
    guard let known = SchemaText.names.first(where: { $0 == name.lowercased() }) else {
      throw StoreError(
        .notFound, action: "explain", subject: name, reason: "there is no such view or table",
        hint: "there are \(SchemaText.names.joined(separator: ", "))")
    }
    return known
  }
}
