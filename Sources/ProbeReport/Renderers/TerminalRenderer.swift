internal import ProbeCore

/// A report for people at a terminal: what was found in words, then a table of the blocks.
///
/// No line is wider than the width asked for. Where it is narrow the table leaves out columns, the
/// least important first, and says so. Everything that comes from the run is made printable.
public struct TerminalRenderer: Sendable, Hashable {
  /// The columns of the terminal; nil for as many as are needed, as in a file.
  public var width: Int?
  /// Whether to use colours.
  public var colour: Bool

  /// A renderer for a terminal of this width.
  public init(width: Int? = nil, colour: Bool = false) {
    self.width = width.map { max(1, $0) }
    self.colour = colour
  }

  /// The report as lines, the last one ended too.
  public func render(_ report: Report) -> String {
    var lines = header(report.run)
    lines.append("")
    lines += WordWrap.lines(report.summary.headline, width: width, indent: 2)
      .map { Style.bold.paint($0, isOn: colour) }
    for sentence in report.summary.details {
      lines += WordWrap.lines(sentence, width: width, indent: 2)
    }
    if !report.findings.isEmpty {
      lines.append("")
      for finding in report.findings {
        lines += WordWrap.lines("! " + finding.words, width: width, indent: 2)
          .map { Style.yellow.paint($0, isOn: colour) }
      }
    }
    lines += evidence(report)
    if !report.blocks.isEmpty {
      var columns = BlockColumns(report, width: width)
      var grid = columns.grid
      var table = grid.lines(width: width, colour: colour)
      if table.shortened.contains(BlockColumns.Title.block.rawValue) {
        columns = BlockColumns(report, width: width, leavingOutPrefix: true)
        grid = columns.grid
        table = grid.lines(width: width, colour: colour)
      }
      let shown = Set(grid.columns.map(\.title)).subtracting(table.dropped)
      lines.append("")
      lines += table.lines
      lines.append("")
      var legend = columns.legend(of: shown)
      if !table.dropped.isEmpty { legend.append(Grid.note(dropped: table.dropped)) }
      for line in legend {
        lines += WordWrap.lines(line, width: width, indent: 2)
          .map { Style.dim.paint($0, isOn: colour) }
      }
    }
    lines += skill(report)
    lines += DepthSection(report.depth, width: width, colour: colour).lines
    if let reference = report.reference {
      lines += PublishedSection(reference, width: width, colour: colour).lines
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What gradients do over depth, what predictions are worth and how much of the depth works, a sentence
  /// each.
  private func evidence(_ report: Report) -> [String] {
    let sentences =
      [GradientWords.sentence(report.gradients)].compactMap { $0 }
      + SkillWords.sentences(
        report.skill, blocks: report.blocks.count, confidence: report.settings.confidence)
      + DepthWords(report).sentences
    guard !sentences.isEmpty else { return [] }
    return [""] + sentences.flatMap { WordWrap.lines($0, width: width, indent: 2) }
  }

  /// The predictors held against the ablations, where there are some.
  private func skill(_ report: Report) -> [String] {
    let confidence = report.settings.confidence
    guard let skill = report.skill, let grid = SkillTable.grid(skill, confidence: confidence) else {
      return []
    }
    let table = grid.lines(width: width, colour: colour)
    var legend = [
      "Spearman: how far a statistic over the last records orders the blocks as their ablations do; "
        + "position: earlier blocks first; bounds are approximate, "
        + "\(Number.percent(confidence)) confidence on each side"
    ]
    if !table.dropped.isEmpty { legend.append(Grid.note(dropped: table.dropped)) }
    return [""] + table.lines + [""]
      + legend.flatMap { WordWrap.lines($0, width: width, indent: 2) }
      .map { Style.dim.paint($0, isOn: colour) }
  }

  private func header(_ run: RunSummary) -> [String] {
    var title = "Run \(run.id)"
    if !run.name.isEmpty { title += " · " + PrintableText.escape(run.name) }
    if !run.project.isEmpty { title += " · project " + PrintableText.escape(run.project) }
    var facts = [Words.count(run.frames, "step") + " measured"]
    if run.attempts != 1 { facts.append(Words.count(run.attempts, "attempt")) }
    if run.worldSize != 1 { facts.append(Words.count(run.worldSize, "rank")) }
    if let loss = run.loss { facts.append("batch loss " + Number.format(loss)) }
    if run.recorderSeconds > 0 {
      let share = run.recorderSeconds / (run.lastSeenAt - run.startedAt)
      let part = share.isFinite && (0...1).contains(share) ? " (\(Number.percent(share)))" : ""
      facts.append("recording took \(Number.format(run.recorderSeconds, significant: 2)) s\(part)")
    }
    let wrapped = WordWrap.lines(title, width: width).map { Style.bold.paint($0, isOn: colour) }
    return wrapped + WordWrap.lines(state(run) + joined(facts), width: width, indent: 2)
  }

  /// The facts in a row after another; lines break between them and not within.
  private func joined(_ facts: [String]) -> String {
    facts.map { " · " + String($0.map { $0 == " " ? WordWrap.firmSpace : $0 }) }.joined()
  }

  private func state(_ run: RunSummary) -> String {
    let state = run.status?.rawValue ?? "running"
    guard let last = run.lastStep else { return state }
    return state + " at step \(last)" + (run.plannedSteps.map { " of \($0)" } ?? "")
  }
}
