/// Numbers between blocks as a field of shades, block numbers along its upper and left edge.
///
/// What is too large for the room is pooled: a cell is then the mean of the known numbers of several
/// rows and columns.
package struct ShadedMatrix {
  /// What stands at the left edge, a row each.
  package var rows: [String]
  /// What stands along the upper edge, a column each.
  package var columns: [String]
  /// The numbers, row by row; nil where none is known.
  package var values: [[Double?]]
  /// What the shades stand for.
  package var shading: Shading

  /// A field of shades.
  package init(rows: [String], columns: [String], values: [[Double?]], shading: Shading) {
    self.rows = rows
    self.columns = columns
    self.values = values
    self.shading = shading
  }

  /// The most rows and columns that are drawn.
  package static let most = 32

  /// A drawing.
  package struct Drawing {
    /// The lines, the upper edge first.
    package var lines: [String]
    /// How many rows and columns are one cell.
    package var pooled: Int
    /// The columns of the terminal that the widest line takes.
    package var width: Int
  }

  /// The drawing within a width; nil where not two cells find room.
  package func draw(width: Int?) -> Drawing? {
    let count = max(rows.count, columns.count)
    guard count > 0 else { return nil }
    let edge = rows.reduce(0) { max($0, DisplayWidth.of($1)) }
    // Beside the cells: the edge, a space and two bars.
    let room = width.map { $0 - edge - 3 } ?? .max
    let shown = min(count, Self.most)
    // Two columns of a terminal are about as wide as a line is high.
    let cell = room / 2 >= shown ? 2 : 1
    let limit = min(Self.most, room / cell)
    guard limit >= min(2, count) else { return nil }
    let pooled = (count + limit - 1) / limit
    let starts = stride(from: 0, to: columns.count, by: pooled)
    let field = cell * ((columns.count + pooled - 1) / pooled)
    let indent = String(repeating: " ", count: edge + 1)
    var lines = [indent + " " + upperEdge(starts, cell: cell, field: field)]
    for row in stride(from: 0, to: rows.count, by: pooled) {
      let shades = starts.map { column in
        String(repeating: shading.element(mean(row, column, pooled)), count: cell)
      }
      lines.append("\(Fitting.pad(rows[row], to: edge, .trailing)) │\(shades.joined())│")
    }
    return Drawing(lines: lines, pooled: pooled, width: edge + 3 + field)
  }

  /// The labels of those columns that find room, each above its cell.
  private func upperEdge(_ starts: StrideTo<Int>, cell: Int, field: Int) -> String {
    var line = ""
    var used = 0
    for (place, start) in starts.enumerated() {
      let label = columns[start]
      let at = place * cell
      guard place == 0 || at > used, at + DisplayWidth.of(label) <= field + 1 else { continue }
      line += String(repeating: " ", count: at - used) + label
      used = at + DisplayWidth.of(label)
    }
    return line
  }

  /// The mean of the known numbers of `size` rows and columns from these on.
  private func mean(_ row: Int, _ column: Int, _ size: Int) -> Double? {
    var (sum, count) = (0.0, 0)
    for row in values[row..<min(values.count, row + size)] {
      for case let value? in row[column..<min(row.count, column + size)] {
        sum += value
        count += 1
      }
    }
    return count > 0 ? sum / Double(count) : nil
  }
}

extension ShadedMatrix.Drawing {
  /// Titled drawings beside each other, as many as find room in a row, then below; no line ends with a
  /// space.
  package static func lines(_ drawings: [(title: String, drawing: Self)], width: Int?) -> [String] {
    var lines: [String] = []
    var rest = drawings.map { title, drawing in
      (title: width.map { Fitting.truncateEnd(title, to: $0) } ?? title, drawing: drawing)
    }[...]
    while !rest.isEmpty {
      var row: [(title: String, drawing: Self)] = []
      var used = 0
      while let next = rest.first {
        let columns = max(next.drawing.width, DisplayWidth.of(next.title))
        let needed = used + (row.isEmpty ? 0 : gap) + columns
        guard row.isEmpty || width.map({ needed <= $0 }) ?? true else { break }
        used = needed
        row.append(next)
        rest = rest.dropFirst()
      }
      if !lines.isEmpty { lines.append("") }
      let height = row.reduce(0) { max($0, $1.drawing.lines.count) }
      for place in -1..<height {
        let parts = row.map { title, drawing in
          let text =
            place < 0 ? title : place < drawing.lines.count ? drawing.lines[place] : ""
          return Fitting.pad(text, to: max(drawing.width, DisplayWidth.of(title)), .leading)
        }
        let line = parts.joined(separator: String(repeating: " ", count: gap))
        lines.append(String(line.reversed().drop { $0 == " " }.reversed()))
      }
    }
    return lines
  }

  private static let gap = 3
}
