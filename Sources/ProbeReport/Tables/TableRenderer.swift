import ProbeCore

/// A table for people at a terminal.
///
/// Numbers stand at the right with up to 6 significant digits (whole numbers with all), NULL is
/// "·", bytes are hexadecimal. Where the width is short words are cut at their end and, if that is
/// not enough, columns that find no room are left out, the left ones last, and named below.
public struct TableRenderer: Sendable, Hashable {
  /// The columns of the terminal; nil for as many as are needed.
  public var width: Int?
  /// Whether to use colours.
  public var colour: Bool

  /// A renderer for a terminal of this width.
  public init(width: Int? = nil, colour: Bool = false) {
    self.width = width.map { max(1, $0) }
    self.colour = colour
  }

  /// The table as lines, the last one ended too; nothing for a table without columns.
  public func render(_ table: Table) -> String {
    let columns = table.columns.indices.map { place in
      let column = table.columns[place]
      let isNumeric = Self.isNumeric(table.rows.lazy.map { $0[place] })
      return Grid.Column(
        title: PrintableText.escape(column.name),
        alignment: column.alignment ?? (isNumeric ? .trailing : .leading), dropOrder: place,
        shortens: isNumeric ? nil : .init(comfortable: 16, least: 8, middle: false))
    }
    let rows = table.rows.map { $0.map(Self.cell) }
    let grid = Grid(columns: columns, rows: rows, important: columns.count)
    let table = grid.lines(width: width, colour: colour)
    guard !table.lines.isEmpty else { return "" }
    var lines = table.lines
    if !table.dropped.isEmpty {
      lines += WordWrap.lines(Grid.note(dropped: table.dropped), width: width, indent: 2)
        .map { Style.dim.paint($0, isOn: colour) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func isNumeric(_ cells: some Sequence<Cell>) -> Bool {
    var hasNumber = false
    for cell in cells {
      switch cell {
      case .integer, .real: hasNumber = true
      case .null: break
      case .text, .blob: return false
      }
    }
    return hasNumber
  }

  private static func cell(_ cell: Cell) -> Grid.Cell {
    switch cell {
    case .null: Grid.Cell(text: Grid.absent, style: .dim)
    case .integer(let value): Grid.Cell(text: String(value))
    case .real(let value): Grid.Cell(text: Number.format(value, significant: 6))
    case .text(let text): Grid.Cell(text: PrintableText.escape(text))
    case .blob(let bytes): Grid.Cell(text: HexText.write(bytes))
    }
  }
}
