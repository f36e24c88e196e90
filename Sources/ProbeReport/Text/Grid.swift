/// Cells in aligned columns that fit a width.
///
/// Important columns come first, even where words must be shortened for them; of the others those
/// that find room while words keep a comfortable width. Numbers are not cut, as long as another
/// column is there to go: a number without its last digits is a different number.
struct Grid {
  /// A column.
  struct Column {
    /// What stands above it.
    var title: String
    /// Where its cells stand.
    var alignment: Alignment
    /// 0 for the first to find room, and so the last to go.
    var dropOrder: Int
    /// How far its cells may be shortened; nil for numbers and drawings.
    var shortens: Shortening?

    /// How a column of words gives way.
    struct Shortening {
      /// The width it keeps as long as other columns can go.
      var comfortable: Int
      /// The width it keeps before important columns go.
      var least: Int
      /// Whether the middle is left out rather than the end; two cells are then kept from becoming
      /// the same as long as the important columns find room with that.
      var middle: Bool
    }
  }

  /// A cell: printable text and its look.
  struct Cell {
    var text: String
    var style = Style.plain
  }

  /// The columns from left to right.
  var columns: [Column]
  /// The rows, each with a cell for every column.
  var rows: [[Cell]]
  /// Columns up to this order of dropping count as important.
  var important = 0

  static let gap = "  "
  /// What stands in a cell that has nothing to say.
  static let absent = "·"

  /// The lines, heading and rule first, and the titles of the columns that found no room or whose
  /// cells were shortened.
  func lines(
    width: Int?, colour: Bool
  ) -> (lines: [String], dropped: [String], shortened: [String]) {
    guard !columns.isEmpty else { return ([], [], []) }
    let texts = columns.indices.map(column)
    let natural = columns.indices.map { place in
      texts[place].reduce(DisplayWidth.of(columns[place].title)) { max($0, DisplayWidth.of($1)) }
    }
    let widths = fit(natural, texts, into: width)
    let kept = columns.indices.filter { widths[$0] > 0 }
    let heads = kept.filter { widths[$0] < natural[$0] && columns[$0].isCutInTheMiddle }
      .map { ($0, Fitting.distinctHead(texts[$0], to: widths[$0])) }
    let head = Dictionary(uniqueKeysWithValues: heads)
    func line(_ cell: (Int) -> Cell) -> String {
      let last = kept.last
      return kept.map { place in
        let style = cell(place).style
        let isLast = place == last && columns[place].alignment == .leading
        let text = set(
          cell(place).text, in: columns[place], width: widths[place], head: head[place] ?? nil,
          pads: !isLast)
        return style.paint(text, isOn: colour)
      }.joined(separator: Self.gap)
    }
    var lines = [line { Cell(text: columns[$0].title, style: .bold) }]
    lines.append(line { Cell(text: String(repeating: "─", count: widths[$0]), style: .dim) })
    for row in rows.indices {
      lines.append(line { Cell(text: texts[$0][row], style: rows[row][$0].style) })
    }
    let dropped = columns.indices.filter { widths[$0] == 0 }
    let shortened = kept.filter { widths[$0] < natural[$0] }
    return (
      lines.map(trimmingEnd), dropped.map { columns[$0].title },
      shortened.map { columns[$0].title }
    )
  }

  /// What is to be said of columns that found no room.
  static func note(dropped: [String]) -> String {
    "Not shown for want of room: \(dropped.joined(separator: ", "))"
  }

  /// The texts of a column, points aligned.
  private func column(_ place: Int) -> [String] {
    let texts = rows.map { $0[place].text }
    return columns[place].alignment == .decimal ? Fitting.alignDecimals(texts) : texts
  }

  private func set(
    _ text: String, in column: Column, width: Int, head: Int?, pads: Bool
  ) -> String {
    let short =
      column.isCutInTheMiddle
      ? Fitting.truncateMiddle(text, to: width, head: head)
      : Fitting.truncateEnd(text, to: width)
    return pads ? Fitting.pad(short, to: width, column.alignment) : short
  }

  private func trimmingEnd(_ text: String) -> String {
    guard text.last == " " else { return text }
    return String(text.reversed().drop { $0 == " " }.reversed())
  }

  /// The width of each column; 0 for those that found no room.
  private func fit(_ natural: [Int], _ texts: [[String]], into width: Int?) -> [Int] {
    guard let width else { return natural }
    var kept: [Int] = []
    let columns = keepingApart(texts, natural, into: width)
    func total(_ widths: (Int) -> Int) -> Int {
      kept.reduce(Self.gap.count * (kept.count - 1)) { $0 + widths($1) }
    }
    func floor(_ place: Int, _ key: (Column.Shortening) -> Int) -> Int {
      min(natural[place], columns[place].shortens.map(key) ?? natural[place])
    }
    // Whoever finds no room is passed over; a narrower column after it may still find some.
    for place in columns.indices.sorted(by: { columns[$0].dropOrder < columns[$1].dropOrder }) {
      let isImportant = columns[place].dropOrder <= important
      kept.append(place)
      let needed = total { floor($0, isImportant ? \.least : \.comfortable) }
      if needed > width, kept.count > 1 { kept.removeLast() }
    }
    var widths = [Int](repeating: 0, count: natural.count)
    for place in kept { widths[place] = natural[place] }
    // The widest words give way first, column by column of the terminal.
    var excess = total { widths[$0] } - width
    while excess > 0 {
      let soft = kept.filter { widths[$0] > floor($0, \.least) }
      guard let widest = soft.max(by: { widths[$0] < widths[$1] }) else { break }
      widths[widest] -= 1
      excess -= 1
    }
    if kept.count == 1 { widths[kept[0]] = min(widths[kept[0]], max(1, width)) }
    return widths
  }

  /// The columns, those cut in the middle no narrower than where their cells stay apart, if the
  /// important ones find room so.
  private func keepingApart(_ texts: [[String]], _ natural: [Int], into width: Int) -> [Column] {
    var wider = columns
    for place in columns.indices {
      guard columns[place].isCutInTheMiddle, var shortens = columns[place].shortens
      else { continue }
      let widths = sequence(first: shortens.least) { $0 + 2 < natural[place] ? $0 + 2 : nil }
      let apart = widths.first { Fitting.distinctHead(texts[place], to: $0) != nil }
      shortens.least = apart ?? natural[place]
      shortens.comfortable = max(shortens.comfortable, shortens.least)
      wider[place].shortens = shortens
    }
    let floors = columns.indices.filter { columns[$0].dropOrder <= important }
      .map { min(natural[$0], wider[$0].shortens?.least ?? natural[$0]) }
    return floors.reduce(Self.gap.count * (floors.count - 1), +) <= width ? wider : columns
  }
}

extension Grid.Column {
  fileprivate var isCutInTheMiddle: Bool { shortens?.middle ?? false }
}
