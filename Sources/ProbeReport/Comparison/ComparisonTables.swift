internal import ProbeAnalysis
internal import ProbeCore

/// The tables of a comparison: the runs, and their blocks beside each other.
struct ComparisonTables {
  private let comparison: Comparison
  /// The places of the runs in the order of the tables: by family, then depth, then number.
  private let order: [Int]

  init(_ comparison: Comparison) {
    self.comparison = comparison
    let runs = comparison.runs
    order = runs.indices.sorted {
      (Self.rank(runs[$0]) + [runs[$0].run.id]).lexicographicallyPrecedes(
        Self.rank(runs[$1]) + [runs[$1].run.id])
    }
  }

  /// Family and depth, as numbers to sort by.
  private static func rank(_ run: ComparedRun) -> [Int] {
    let families = ComparedRun.Family.allCases
    return [run.family.flatMap(families.firstIndex) ?? families.count, run.depth]
  }

  // MARK: runs

  /// A column of the table of runs.
  enum Title: String, CaseIterable {
    case run
    case name
    case family
    case blocks
    case loss
    case bounds
    case gradient = "∂ first/last"
    case gap
    case gapAtStart = "gap at 0"
    case ratio
    case ratioAtStart = "ratio at 0"

    fileprivate var column: Grid.Column {
      Grid.Column(
        title: rawValue, alignment: alignment, dropOrder: dropOrder,
        shortens: self == .name ? .init(comfortable: 16, least: 8, middle: true) : nil)
    }

    private var alignment: Alignment {
      switch self {
      case .name, .family: .leading
      case .run, .blocks, .bounds: .trailing
      case .loss, .gradient, .gap, .gapAtStart, .ratio, .ratioAtStart: .decimal
      }
    }

    fileprivate static let lastEssential = 3

    private var dropOrder: Int {
      switch self {
      case .run: 0
      case .name: 1
      case .blocks: 2
      case .loss: 3
      case .family: 4
      case .bounds: 5
      case .ratio: 6
      case .gradient: 7
      case .gap: 8
      case .ratioAtStart: 15
      case .gapAtStart: 16
      }
    }
  }

  /// A row for each run.
  var runs: Grid {
    let tests = self.tests
    var columns = Title.allCases.map(\.column)
    for (place, key) in tests.enumerated() {
      columns.append(
        Grid.Column(
          title: Fitting.truncateMiddle(PrintableText.escape(key), to: 20), alignment: .decimal,
          dropOrder: 9 + place))
    }
    let rows = order.map { place -> [Grid.Cell] in
      let run = comparison.runs[place]
      return Title.allCases.map { cell($0, of: run) }
        + tests.map { key in Self.number(run.tests.first { $0.metric.key == key }?.metric.value) }
    }
    let kept = columns.indices.filter { place in
      columns[place].dropOrder <= Title.lastEssential
        || rows.contains { $0[place].text != Grid.absent }
    }
    return Grid(
      columns: kept.map { columns[$0] }, rows: rows.map { row in kept.map { row[$0] } },
      important: Title.lastEssential)
  }

  /// The metrics of other data that are shown: those of all runs together, four at most.
  private var tests: [String] {
    var keys: [String] = []
    for run in comparison.runs {
      for test in run.tests where !keys.contains(test.metric.key) { keys.append(test.metric.key) }
    }
    return Array(keys.prefix(4))
  }

  private func cell(_ title: Title, of run: ComparedRun) -> Grid.Cell {
    switch title {
    case .run: return Grid.Cell(text: String(run.run.id))
    case .name: return Grid.Cell(text: PrintableText.escape(run.run.name))
    case .family: return Self.words(run.family?.rawValue)
    case .blocks: return Grid.Cell(text: String(run.depth))
    case .loss:
      if case .nonFinite = run.loss { return Grid.Cell(text: "nan", style: .yellow) }
      return Self.number(run.level?.value)
    case .bounds:
      return Self.words(
        run.level.map {
          $0.isFalling ? "falling" : "\(Number.format($0.lower))–\(Number.format($0.upper))"
        })
    case .gradient: return Self.number(run.gradientAtStart?.ratio)
    case .gap: return Self.number(run.gap)
    case .gapAtStart: return Self.number(run.gapAtStart)
    case .ratio: return Self.number(run.ratio)
    case .ratioAtStart: return Self.number(run.ratioAtStart)
    }
  }

  // MARK: depth

  /// Gap or ratio along the depth: a row for each part, a column for each run; nil where no run has any.
  func depth(_ value: (DepthAlignment.Cell) -> Double?) -> Grid? {
    guard let alignment = comparison.alignment,
      alignment.rows.contains(where: { $0.cells.contains { value($0) != nil } })
    else { return nil }
    let places = order.filter { comparison.runs[$0].depth > 0 }
    var columns = [
      Grid.Column(
        title: alignment.form == .blocks ? "block" : "depth", alignment: .leading, dropOrder: 0,
        shortens: .init(comfortable: 20, least: 8, middle: true))
    ]
    var seen: Set<[Int]> = []
    for (index, place) in places.enumerated() {
      let run = comparison.runs[place].run
      // Of each family and depth one run before others of the same.
      let isFirst = seen.insert(Self.rank(comparison.runs[place])).inserted
      let name = run.name.isEmpty ? "" : " \(PrintableText.escape(run.name))"
      columns.append(
        Grid.Column(
          title: Fitting.truncateMiddle("\(run.id)\(name)", to: 16), alignment: .decimal,
          dropOrder: index + 1 + (isFirst ? 0 : places.count)))
    }
    return Grid(
      columns: columns,
      rows: alignment.rows.map { row in
        [Grid.Cell(text: label(row, alignment.form))]
          + places.map { Self.number(value(row.cells[$0])) }
      })
  }

  private func label(_ row: DepthAlignment.Row, _ form: DepthAlignment.Form) -> String {
    if form == .blocks {
      let names = Set(
        row.cells.enumerated().compactMap { place, cell in
          cell.blocks.first.map { comparison.runs[place].blocks[$0].name }
        })
      if let name = names.first, names.count == 1 { return PrintableText.escape(name) }
      let ordinal = row.cells.compactMap(\.blocks.first).first ?? 0
      return "block \(ordinal)"
    }
    let part = "\(percent(row.span.lowerBound))–\(percent(row.span.upperBound)) %"
    return row.stage.map { "stage \($0), \(part)" } ?? part
  }

  private func percent(_ share: Double) -> String { String(Int((100 * share).rounded())) }

  private static func number(_ value: Double?) -> Grid.Cell {
    guard let value else { return Grid.Cell(text: Grid.absent, style: .dim) }
    return Grid.Cell(text: Number.format(value, significant: 3, trimmed: false))
  }

  private static func words(_ text: String?) -> Grid.Cell {
    text.map { Grid.Cell(text: $0) } ?? Grid.Cell(text: Grid.absent, style: .dim)
  }
}
