internal import ProbeAnalysis
internal import ProbeCore

/// The columns of the table of blocks, and the legend that explains them.
struct BlockColumns {
  private let report: Report
  private let width: Int?
  /// What all names begin with, where it is left out of them.
  private let prefix: String
  private let scale: Sparkline?
  private let steps: ClosedRange<Int>

  /// The columns for a terminal; with `leavingOutPrefix` names are without what all begin with.
  init(_ report: Report, width: Int?, leavingOutPrefix: Bool = false) {
    self.report = report
    self.width = width
    prefix = leavingOutPrefix ? BlockNames.prefix(report.blocks.map(\.block.name)) : ""
    let points = report.blocks.flatMap(\.trend)
    // One scale for all blocks, so that heights compare down the column.
    scale = Sparkline(fitting: points.compactMap(\.gap))
    let all = points.map(\.step)
    steps = (all.min() ?? 0)...(all.max() ?? 0)
  }

  /// The table.
  var grid: Grid {
    var definitions = [
      Definition(.ordinal) { Grid.Cell(text: String($0.block.ordinal), style: .dim) },
      Definition(.block) {
        Grid.Cell(text: PrintableText.escape(String($0.block.name.dropFirst(prefix.count))))
      },
      Definition(.kind) { Grid.Cell(text: Self.kind($0.block)) },
      Definition(.stage) { Grid.Cell(text: String($0.block.stage)) },
      Definition(.gap) { Self.number($0.gap.p50) },
      Definition(.bounds) { Self.bounds($0.gap) },
      Definition(.p90) { Self.number($0.gap.p90) },
      Definition(.ratio) { Self.ratio($0.ratio) },
      Definition(.cosine) { Self.cosine($0.cosine) },
      Definition(.taylor) { Self.taylor($0.taylor) },
      Definition(.gradient) { Self.number($0.latest?.statistics.gradientNorm) },
      Definition(.weight) { Self.number($0.latest?.statistics.weightNorm) },
      Definition(.outputGradient) {
        let moments = $0.latest?.statistics.outputGradNorm
        return Self.number(moments.flatMap { $0.n > 0 ? $0.mean : nil })
      },
      Definition(.verdict) { Self.verdict($0.verdict) },
      Definition(.lossChange) { Self.lossChange($0.ablation, withBounds: hasLossBounds) },
      Definition(.since) { Grid.Cell(text: Self.since($0.verdict)) },
    ]
    if let scale {
      definitions.append(
        Definition(.trend) { row in
          let points = row.trend.map { (step: $0.step, value: $0.gap) }
          return Grid.Cell(text: scale.draw(points, over: steps, width: sparklineWidth))
        })
    }
    let cells = definitions.map { report.blocks.map($0.cell) }
    // A column in which no block has anything to say would only take room from others.
    let kept = definitions.indices.filter { place in
      definitions[place].title.isEssential
        || cells[place].contains { !$0.text.isEmpty && $0.text != Grid.absent }
    }
    return Grid(
      columns: kept.map { definitions[$0].title.column },
      rows: report.blocks.indices.map { row in kept.map { cells[$0][row] } },
      important: Title.lastImportant)
  }

  private struct Definition {
    var title: Title
    var cell: (BlockRow) -> Grid.Cell

    init(_ title: Title, cell: @escaping (BlockRow) -> Grid.Cell) {
      self.title = title
      self.cell = cell
    }
  }

  /// Whether there is room for the bounds of Δloss beside names, gap and verdict.
  private var hasLossBounds: Bool { width.map { $0 >= 72 } ?? true }

  private var sparklineWidth: Int {
    switch width {
    case .some(..<80): 8
    case .some(..<120): 12
    default: 20
    }
  }

  // MARK: cells

  private static func number(_ value: Double?) -> Grid.Cell {
    guard let value else { return Grid.Cell(text: Grid.absent, style: .dim) }
    return Grid.Cell(text: Number.format(value, significant: 3, trimmed: false))
  }

  private static func kind(_ block: Block) -> String {
    block.kind == .residual && block.shortcut == .projection
      ? block.shortcut.rawValue : block.kind.rawValue
  }

  private static func bounds(_ gap: BlockRow.Gap) -> Grid.Cell {
    guard let lower = gap.lower, let upper = gap.upper else {
      return Grid.Cell(text: Grid.absent, style: .dim)
    }
    let from = Number.format(lower.rounded(.down, significant: 2), significant: 2, trimmed: false)
    let to = Number.format(upper.rounded(.up, significant: 2), significant: 2, trimmed: false)
    return Grid.Cell(text: from == to ? from : "\(from)–\(to)")
  }

  private static func ratio(_ ratio: RatioRow) -> Grid.Cell {
    guard let p50 = ratio.p50 else { return Grid.Cell(text: Grid.absent, style: .dim) }
    let mark = ratio.isFromZeroAtBirth ? "*" : ""
    let relative = ratio.relative.map {
      " (\(Number.format($0, significant: 2, trimmed: false))×\(mark))"
    }
    let alone = mark.isEmpty ? "" : " (\(mark))"
    return Grid.Cell(
      text: Number.format(p50, significant: 2, trimmed: false) + (relative ?? alone))
  }

  private static func cosine(_ value: Double?) -> Grid.Cell {
    guard let value, value.isFinite else { return Grid.Cell(text: Grid.absent, style: .dim) }
    guard abs(value) < 1.005 else { return number(value) }
    // Two decimals at every size: a cosine is read by its distance from 0 and ±1.
    let hundredths = Int((abs(value) * 100).rounded())
    let sign = hundredths == 0 ? " " : value < 0 ? "−" : "+"
    let (whole, part) = hundredths.quotientAndRemainder(dividingBy: 100)
    return Grid.Cell(text: "\(sign)\(whole).\(part < 10 ? "0" : "")\(part)")
  }

  private static func taylor(_ ranking: TaylorRanking?) -> Grid.Cell {
    guard let ranking else { return Grid.Cell(text: Grid.absent, style: .dim) }
    let places = ranking.places
    let rank = places.count > 1 ? "\(places.lowerBound)–\(places.upperBound)" : "\(ranking.rank)"
    let percent = Fitting.pad(Number.percent(ranking.share), to: 6, .trailing)
    return Grid.Cell(text: "\(rank) \(percent)")
  }

  private static func verdict(_ verdict: BlockVerdict) -> Grid.Cell {
    let words = String(verdict.verdict.rawValue.map { $0 == "_" ? " " : $0 })
    switch verdict.verdict {
    case .strictIdentity, .nearIdentity, .partialIdentity, .constant, .rescaleOnly, .lowInfluence:
      return Grid.Cell(text: words, style: .yellow)
    case .notApplicable, .undetermined: return Grid.Cell(text: words, style: .dim)
    case .active: return Grid.Cell(text: words)
    }
  }

  /// The change, with its bounds where there is room, and a mark where the loss was no longer finite.
  private static func lossChange(_ ablation: Ablation?, withBounds: Bool) -> Grid.Cell {
    guard let ablation else { return Grid.Cell(text: Grid.absent, style: .dim) }
    guard let loss = ablation.loss else { return Grid.Cell(text: "not finite") }
    return Grid.Cell(text: withBounds ? LossChange.words(loss) : LossChange.signed(loss.value))
  }

  private static func since(_ verdict: BlockVerdict) -> String {
    if verdict.origin == .atBirth { return "birth" }
    return verdict.sinceStep.map { "step \($0)" } ?? ""
  }
}

extension BlockColumns {
  /// What the columns with these titles mean, a line each.
  func legend(of shown: Set<String>) -> [String] {
    func shows(_ title: Title) -> Bool { shown.contains(title.rawValue) }
    let settings = report.settings
    var lines: [String] = []
    if shows(.block), !prefix.isEmpty {
      lines.append("block: names after \(PrintableText.escape(prefix))")
    }
    if shows(.gap) {
      lines.append(
        "gap: ‖y − x‖/‖x‖ of the median sample\(windowWords), y taken after the activation that "
          + "follows the add; near identity below \(Number.format(settings.epsilon)), strict below "
          + "\(Number.format(settings.strictEpsilon))")
    }
    if shows(.bounds) {
      lines.append(
        "bounds: of the gap, \(Number.percent(settings.confidence)) confidence on each side, rounded outwards"
      )
    }
    if shows(.ratio) {
      lines.append("ratio: ‖F‖/‖x‖, in brackets as a multiple of \(firstWords)")
      if report.blocks.contains(where: \.ratio.isFromZeroAtBirth) {
        lines.append(
          "* F was zero at the first record: a multiple of the first record after warm-up, if F was "
            + "not zero there either")
      }
    }
    if shows(.lossChange), let examination = report.ablations?.examination {
      lines.append(
        "Δloss: what removing the block by itself did to the loss of "
          + "\(Words.count(examination.samples, "sample")) "
          + "(\(Number.format(examination.baseLoss, significant: 3)) with all blocks, after "
          + "\(Words.count(examination.step, "step")); tolerance "
          + "\(Number.format(report.settings.tolerance(of: examination), significant: 2)))"
          + (hasLossBounds
            ? ", with its bounds, \(Number.percent(examination.confidence)) confidence on each side"
            : ""))
    }
    if shows(.taylor) {
      lines.append(
        "Taylor: rank and share of first-order importance among the blocks (3–5: not told apart); "
          + "not what a block's absence would cost")
    }
    let norms: [(Title, String)] = [
      (.gradient, "gradient"), (.weight, "weights"), (.outputGradient, "output gradient"),
    ]
    let named = norms.filter { shows($0.0) }.map { "\($0.0.rawValue) \($0.1)" }
    if !named.isEmpty {
      lines.append("norms at the last record: \(named.joined(separator: ", "))")
    }
    if let scale, shows(.trend) {
      lines.append(
        "trend: gap at steps \(steps.lowerBound) to \(steps.upperBound), logarithmic, "
          + "▁ \(Number.format(scale.low, significant: 2)) to █ \(Number.format(scale.high, significant: 2))"
      )
    }
    return lines
  }

  private var windowWords: String {
    guard let window = report.window else { return "" }
    return " over \(Words.count(window.records, "record")) at steps \(window.firstStep) to "
      + "\(window.lastStep)"
  }

  private var firstWords: String {
    let steps = Set(
      report.blocks.compactMap { row -> Int? in
        if case .first(let step, _) = row.ratio.baseline { step } else { nil }
      })
    return steps.count == 1 ? "step \(steps.first ?? 0)" : "the first record"
  }
}

extension Double {
  /// The nearest number of so many significant digits in the direction of rounding; only for positive
  /// finite numbers, others stay.
  fileprivate func rounded(_ rule: FloatingPointRoundingRule, significant digits: Int) -> Double {
    guard isNormal, self > 0 else { return self }
    var (scale, limit) = (1.0, 1.0)
    for _ in 1..<digits { limit *= 10 }
    while self * scale < limit, scale < 1e30 { scale *= 10 }
    while self * scale >= limit * 10, scale > 1e-30 { scale /= 10 }
    // What is a whole number but for its last bits is one.
    let shifted = self * scale
    let nearest = shifted.rounded()
    return (abs(shifted - nearest) < 1e-9 * shifted ? nearest : shifted.rounded(rule)) / scale
  }
}
