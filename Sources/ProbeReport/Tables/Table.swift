public import ProbeCore

/// Rows under named columns: a list of runs, the result of a query.
public struct Table: Sendable, Hashable {
  /// A column.
  public struct Column: Sendable, Hashable {
    /// What stands above it; not trusted to be printable, nor to be unique.
    public var name: String
    /// Where its cells stand on a terminal; nil decides by what is in them.
    public var alignment: Alignment?

    /// A column.
    public init(_ name: String, alignment: Alignment? = nil) {
      self.name = name
      self.alignment = alignment
    }
  }

  /// The columns from left to right.
  public var columns: [Column]
  /// The rows from top to bottom, each with a cell for every column.
  public private(set) var rows: [[Cell]] = []

  /// A table, still without rows.
  public init(columns: [Column]) { self.columns = columns }

  /// A table of these rows, each with a cell for every column.
  public init(columns: [Column], rows: [[Cell]]) {
    self.columns = columns
    for row in rows { append(row) }
  }

  /// Adds a row, which must have a cell for every column.
  public mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count, "a row has a cell for every column")
    rows.append(row)
  }
}
