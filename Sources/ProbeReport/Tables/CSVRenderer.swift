public import ProbeCore

/// A table as comma-separated values, row by row, for spreadsheets and data frames.
///
/// Source: RFC 4180. NULL is empty and an empty text is `""`; numbers have all their digits; bytes
/// are hexadecimal. A text that a spreadsheet would run as a formula gets a leading apostrophe.
/// Line breaks in a text stay, in quotes; what else is not printable becomes a visible escape.
public struct CSVRenderer: Sendable, Hashable {
  /// What ends a record.
  public enum LineEnd: String, Sendable {
    /// A line feed, as Unix tools expect.
    case lineFeed = "\n"
    /// Carriage return and line feed, as the RFC says.
    case carriageReturnLineFeed = "\r\n"
  }

  private let columns: Int
  private let lineEnd: LineEnd
  /// The first record: the names of the columns.
  public let header: String

  /// A renderer for rows under these columns.
  public init(columns: [Table.Column], lineEnd: LineEnd = .lineFeed) {
    self.columns = columns.count
    self.lineEnd = lineEnd
    header = columns.map { Self.field($0.name) }.joined(separator: ",") + lineEnd.rawValue
  }

  /// One record; the row must have a cell for every column.
  public mutating func row(_ cells: [Cell]) -> String {
    precondition(cells.count == columns, "a row has a cell for every column")
    let fields = cells.map(Self.field)
    // A record of one empty field would be a blank line, which readers pass over.
    if fields == [""] { return "\"\"" + lineEnd.rawValue }
    return fields.joined(separator: ",") + lineEnd.rawValue
  }

  /// A whole table.
  public static func render(_ table: Table, lineEnd: LineEnd = .lineFeed) -> String {
    var renderer = CSVRenderer(columns: table.columns, lineEnd: lineEnd)
    return table.rows.reduce(into: renderer.header) { $0 += renderer.row($1) }
  }

  private static func field(_ cell: Cell) -> String {
    switch cell {
    case .null: ""
    case .integer(let value): String(value)
    case .real(let value): value.isNaN ? "" : value.description
    case .text(let text): field(text)
    case .blob(let bytes): HexText.write(bytes)
    }
  }

  private static func field(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
      (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"")
    }
    if isPlain, !text.isEmpty, !runsInSpreadsheets(text) { return text }
    let guarded = runsInSpreadsheets(text) ? "'" + text : text
    // Scalars: a carriage return and a line feed are one Character.
    var printable = ""
    var needsQuotes = text.isEmpty
    for scalar in guarded.unicodeScalars {
      switch scalar {
      case "\n": printable += "\n"
      case "\"": printable += "\"\""
      default: printable += PrintableText.escape(String(scalar))
      }
      if "\n\",".unicodeScalars.contains(scalar) { needsQuotes = true }
    }
    if guarded.first == " " || guarded.last == " " { needsQuotes = true }
    return needsQuotes ? "\"\(printable)\"" : printable
  }

  /// Whether a spreadsheet takes the text for a formula, or may after trimming it.
  private static func runsInSpreadsheets(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first else { return false }
    return "=+-@\t\r\n＝＋－＠".unicodeScalars.contains(first)
  }
}
