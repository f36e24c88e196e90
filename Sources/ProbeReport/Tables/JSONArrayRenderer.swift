public import ProbeCore

/// A table as a JSON array of objects, one row a line; the objects as in ``JSONLinesRenderer``.
///
/// Write ``row(_:)`` for each row and then ``end``; the array opens with the first of them.
public struct JSONArrayRenderer: Sendable, Hashable {
  private let objects: JSONLinesRenderer
  private var isEmpty = true

  /// A renderer for rows under these columns.
  public init(columns: [Table.Column]) { objects = JSONLinesRenderer(columns: columns) }

  /// The next object; the row must have a cell for every column.
  public mutating func row(_ cells: [Cell]) -> String {
    defer { isEmpty = false }
    return (isEmpty ? "[\n  " : ",\n  ") + objects.object(cells)
  }

  /// What closes the array after the rows.
  public var end: String { isEmpty ? "[]\n" : "\n]\n" }

  /// A whole table.
  public static func render(_ table: Table) -> String {
    var renderer = JSONArrayRenderer(columns: table.columns)
    return table.rows.reduce(into: "") { $0 += renderer.row($1) } + renderer.end
  }
}
