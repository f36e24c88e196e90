public import ProbeCore

/// A table as JSON Lines: one object a row, its keys in the order of the columns.
///
/// Numbers that are not finite are null; bytes are `{"hex": "…"}`. Of columns with one name the
/// second is called `name_2`. Characters that are not printable are escaped.
public struct JSONLinesRenderer: Sendable, Hashable {
  private let keys: [String]

  /// A renderer for rows under these columns.
  public init(columns: [Table.Column]) {
    keys = ColumnKeys.unique(columns.map(\.name)).map { JSONText.quote($0) + ": " }
  }

  /// One object on a line of its own; the row must have a cell for every column.
  public mutating func row(_ cells: [Cell]) -> String { object(cells) + "\n" }

  /// A whole table.
  public static func render(_ table: Table) -> String {
    var renderer = JSONLinesRenderer(columns: table.columns)
    return table.rows.reduce(into: "") { $0 += renderer.row($1) }
  }

  func object(_ cells: [Cell]) -> String {
    precondition(cells.count == keys.count, "a row has a cell for every column")
    let members = zip(keys, cells).map { $0 + Self.value($1) }
    return "{" + members.joined(separator: ", ") + "}"
  }

  private static func value(_ cell: Cell) -> String {
    switch cell {
    case .null: "null"
    case .integer(let value): String(value)
    case .real(let value): JSONText.number(value)
    case .text(let text): JSONText.quote(text)
    case .blob(let bytes): "{\"hex\": \"\(HexText.write(bytes))\"}"
    }
  }
}
