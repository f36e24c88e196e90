public import ProbeAnalysis

/// A comparison of runs for people at a terminal: what depth did in words, what else was noticed, then
/// the runs and their blocks beside each other.
///
/// No line is wider than the width asked for; where it is narrow columns are left out, and named.
public struct ComparisonRenderer: Sendable, Hashable {
  /// The columns of the terminal; nil for as many as are needed.
  public var width: Int?
  /// Whether to use colours.
  public var colour: Bool

  /// A renderer for a terminal of this width.
  public init(width: Int? = nil, colour: Bool = false) {
    self.width = width.map { max(1, $0) }
    self.colour = colour
  }

  /// The comparison as lines, the last one ended too.
  public func render(_ comparison: Comparison) -> String {
    let words = ComparisonWords(comparison)
    let tables = ComparisonTables(comparison)
    var lines: [String] = []
    for sentence in words.depth {
      lines += WordWrap.lines(sentence, width: width, indent: 2)
        .map { Style.bold.paint($0, isOn: colour) }
    }
    if !comparison.findings.isEmpty {
      lines.append("")
      for finding in comparison.findings {
        lines += WordWrap.lines("! " + words.words(finding), width: width, indent: 2)
          .map { Style.yellow.paint($0, isOn: colour) }
      }
    }
    lines.append("")
    let runs = table(tables.runs)
    lines += runs.lines
    var shown = runs.shown
    for (heading, value) in [
      ("gap along the depth", \DepthAlignment.Cell.gap), ("ratio along the depth", \.ratio),
    ] {
      guard let grid = tables.depth({ $0[keyPath: value] }) else { continue }
      lines += ["", Style.bold.paint(WordWrap.lines(heading, width: width)[0], isOn: colour)]
      let depth = table(grid)
      lines += depth.lines
      shown.insert(String(heading.prefix { $0 != " " }))
    }
    lines.append("")
    for line in legend(shown, comparison) {
      lines += WordWrap.lines(line, width: width, indent: 2)
        .map { Style.dim.paint($0, isOn: colour) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func table(_ grid: Grid) -> (lines: [String], shown: Set<String>) {
    let table = grid.lines(width: width, colour: colour)
    var lines = table.lines
    if !table.dropped.isEmpty {
      lines += WordWrap.lines(Grid.note(dropped: table.dropped), width: width, indent: 2)
        .map { Style.dim.paint($0, isOn: colour) }
    }
    return (lines, Set(grid.columns.map(\.title)).subtracting(table.dropped))
  }

  private func legend(_ shown: Set<String>, _ comparison: Comparison) -> [String] {
    func shows(_ title: ComparisonTables.Title) -> Bool { shown.contains(title.rawValue) }
    var lines: [String] = []
    if shows(.loss) {
      let confidence = String(
        Number.percent(LossLevel.confidence).map { $0 == " " ? WordWrap.firmSpace : $0 })
      lines.append(
        "loss: geometric mean of the batches' losses over the verdict's window, where it falls over "
          + "its last third"
          + (shows(.bounds) ? "; bounds: \(confidence) confidence on each side, of this run" : ""))
    }
    if let uncounted = ComparisonWords(comparison).uncounted { lines.append(uncounted) }
    if shows(.gap) || shows(.gapAtStart) {
      lines.append("gap: ‖y − x‖/‖x‖, median over blocks and samples; now, and at step 0")
    }
    if shows(.ratio) || shows(.ratioAtStart) {
      lines.append("ratio: ‖F‖/‖x‖, median over blocks and samples; now, and at step 0")
    }
    if shows(.gradient) {
      lines.append(
        "∂ first/last: gradient at the first block over that at the last, at step 0")
    }
    switch comparison.alignment?.form {
    case .stages: lines.append("depth: parts of each stage, from where the stream comes in")
    case .depth: lines.append("depth: parts of the whole, from where the stream comes in")
    case .blocks, nil: break
    }
    return lines
  }
}
