internal import ProbeAnalysis
internal import ProbeCore

/// The tables of a plan: its candidates, and what dropping more and more blocks costs.
struct PlanTables {
  private let plan: Plan

  init(_ plan: Plan) { self.plan = plan }

  /// A row for each candidate, in the order of removal; nil where there is none.
  var candidates: Grid? {
    let blocks = plan.candidates
    guard !blocks.isEmpty else { return nil }
    let singles = plan.ablations?.singles ?? [:]
    let columns = [
      Grid.Column(title: "#", alignment: .trailing, dropOrder: 2),
      Grid.Column(
        title: "candidate", alignment: .leading, dropOrder: 0,
        shortens: .init(comfortable: 16, least: 8, middle: true)),
      Grid.Column(
        title: "verdict", alignment: .leading, dropOrder: 3,
        shortens: .init(comfortable: 15, least: 15, middle: false)),
      Grid.Column(title: "Δloss alone", alignment: .trailing, dropOrder: 1),
      Grid.Column(title: "parameters", alignment: .trailing, dropOrder: 4),
      Grid.Column(title: "MACs", alignment: .trailing, dropOrder: 5),
    ]
    let rows = blocks.map { block in
      [
        Grid.Cell(text: String(block.ordinal), style: .dim),
        Grid.Cell(text: PrintableText.escape(block.name)),
        Self.words(
          plan.verdicts[block.ordinal].map { $0.verdict.rawValue.replacing("_", with: " ") }),
        DepthTables.loss(singles[block.ordinal]),
        Self.words(block.parameters.map(String.init)), Self.words(block.macs.map(String.init)),
      ]
    }
    let kept = columns.indices.filter { place in
      place == 1 || rows.contains { $0[place].text != Grid.absent }
    }
    return Grid(
      columns: kept.map { columns[$0] }, rows: rows.map { row in kept.map { row[$0] } },
      important: 1)
  }

  /// The most rows of the table of the curve.
  static let mostRows = 40

  /// What dropping more and more blocks costs in three orders; nil where no curve was measured.
  ///
  /// Of more than ``mostRows`` numbers of blocks those that several orders share, the last of the plan's
  /// own and its neighbours are kept, and of the others some.
  var curve: Grid? {
    guard let curves = plan.depth.curves else { return nil }
    let rows = Self.thinned(curves.rows, keeping: plan.candidates.count)
    let scale = Sparkline(fitting: rows.compactMap { $0.greedy?.lossChange })
    let columns = [
      Grid.Column(title: "dropped", alignment: .trailing, dropOrder: 0),
      Grid.Column(title: "greedy Δloss", alignment: .trailing, dropOrder: 1),
      Grid.Column(title: "held out", alignment: .decimal, dropOrder: 5),
      Grid.Column(title: "Δerror", alignment: .decimal, dropOrder: 4),
      Grid.Column(title: "", alignment: .leading, dropOrder: 6),
      Grid.Column(title: "deepest first", alignment: .decimal, dropOrder: 2),
      Grid.Column(title: "random", alignment: .decimal, dropOrder: 3),
      Grid.Column(title: "range", alignment: .trailing, dropOrder: 7),
    ]
    let cells = rows.map { row in
      [
        Grid.Cell(
          text: String(row.dropped), style: row.dropped == plan.candidates.count ? .bold : .plain),
        DepthTables.loss(row.greedy?.ablation), Self.change(row.greedy?.ablation.heldOutUpper),
        Self.change(row.greedy?.ablation.error?.value),
        Self.words(
          scale.flatMap { scale in row.greedy.map { scale.draw([max(0, $0.lossChange)]) } }),
        Self.change(row.deepestFirst?.lossChange), Self.change(row.randomMean),
        Self.words(
          row.random.count < 2
            ? nil
            : row.randomRange.map {
              "\(DepthWords.change($0.lowerBound)) … \(DepthWords.change($0.upperBound))"
            }),
      ]
    }
    let kept = columns.indices.filter { place in
      place == 0 || cells.contains { $0[place].text != Grid.absent }
    }
    return Grid(
      columns: kept.map { columns[$0] }, rows: cells.map { row in kept.map { row[$0] } },
      important: 1)
  }

  private static func thinned(
    _ rows: [RemovalCurves.Row], keeping own: Int
  ) -> [RemovalCurves.Row] {
    guard rows.count > mostRows else { return rows }
    let step = (rows.count + mostRows / 2 - 1) / (mostRows / 2)
    var kept = Set(stride(from: 0, to: rows.count, by: step))
    kept.insert(rows.count - 1)
    for (place, row) in rows.enumerated() where abs(row.dropped - own) <= 1 { kept.insert(place) }
    for (place, row) in rows.enumerated()
    where kept.count < mostRows && (row.deepestFirst != nil || !row.random.isEmpty) {
      kept.insert(place)
    }
    return kept.sorted().map { rows[$0] }
  }

  private static func words(_ text: String?) -> Grid.Cell {
    text.map { Grid.Cell(text: $0) } ?? Grid.Cell(text: Grid.absent, style: .dim)
  }

  private static func change(_ value: Double?) -> Grid.Cell { words(value.map(DepthWords.change)) }
}
