internal import ProbeAnalysis
internal import ProbeCore

/// The tables and matrices of a report's depth section, below the blocks.
struct DepthSection {
  private let depth: Depth
  private let width: Int?
  private let colour: Bool

  init(_ depth: Depth, width: Int?, colour: Bool) {
    self.depth = depth
    self.width = width
    self.colour = colour
  }

  /// The section as lines, an empty one before each part; none where there is no table.
  var lines: [String] {
    // By training alone, the sentence has said all that the one table would.
    guard depth.examination != nil else { return [] }
    var lines: [String] = []
    if let grid = DepthTables.effective(depth) {
      lines += table(
        grid,
        [
          ("participation", "(Σs)²/Σs² of each block's score s"),
          ("entropy", "exp H(s/Σs), which counts small scores more"),
        ])
    }
    if let grid = DepthTables.stages(depth) {
      lines += table(
        grid,
        [
          ("turns", "the sum of the blocks' angular distances, in half turns"),
          ("straight", "the angular distance of the whole"),
          ("tortuosity", "turns over straight: 1 where no block undoes another's turn"),
        ])
    }
    if let grid = DepthTables.spans(depth) {
      lines += table(
        grid,
        [
          ("least turned", "of each length the blocks in a row that turn the stream least"),
          ("angle", "in half turns"), ("span gap", "‖y − x‖/‖x‖ over all of them"),
          ("Δloss", "removed together, with its bounds"),
        ])
    }
    lines += matrices(
      DepthTables.distances(depth),
      heading: "Angle of the stream from before one block to after another", unit: "half turns")
    lines += matrices(
      [DepthTables.cka(depth)].compactMap { $0 }, heading: "CKA of what blocks return", unit: "CKA")
    lines += matrices(
      DepthTables.reuse(depth),
      heading: "What dense blocks (rows) weigh of each source (columns; in: the stage's input)",
      unit: "mean |w| beside the reader's average")
    return lines
  }

  /// A table, then what its columns mean, as far as they are shown.
  private func table(_ grid: Grid, _ meanings: [(title: String, words: String)]) -> [String] {
    let table = grid.lines(width: width, colour: colour)
    let shown = meanings.filter { !table.dropped.contains($0.title) }
      .map { "\($0.title): \($0.words)" }
    let dropped = table.dropped.isEmpty ? [] : [Grid.note(dropped: table.dropped)]
    return [""] + table.lines + note([shown.joined(separator: "; ")] + dropped)
  }

  /// Fields of shades beside each other under one heading, with their scale.
  private func matrices(_ all: [DepthTables.Titled], heading: String, unit: String) -> [String] {
    guard let shading = all.first?.matrix.shading else { return [] }
    let drawings = all.compactMap { titled in
      titled.matrix.draw(width: width).map { (title: titled.title, drawing: $0) }
    }
    let headings = WordWrap.lines(heading, width: width, indent: 2)
      .map { Style.bold.paint($0, isOn: colour) }
    guard drawings.count == all.count else {
      return [""] + headings + note(["Not shown for want of room."])
    }
    var legend = ["\(unit): \(shading.legend), ·\(WordWrap.firmSpace)unknown"]
    if let most = drawings.map(\.drawing.pooled).max(), most > 1 {
      let pooled = drawings.count == 1 ? "\(most)" : "up to \(most)"
      legend.append("A cell is the mean over \(pooled) blocks each way; --json has all numbers.")
    }
    return [""] + headings + ShadedMatrix.Drawing.lines(drawings, width: width) + note(legend)
  }

  private func note(_ legend: [String]) -> [String] {
    legend.flatMap { WordWrap.lines($0, width: width, indent: 2) }
      .map { Style.dim.paint($0, isOn: colour) }
  }
}
