internal import ProbeAnalysis
internal import ProbeCore

/// A plan for people at a terminal: the candidates and their cost in words, a line for each candidate, then
/// what dropping more and more blocks costs, and what to do next.
///
/// No line is wider than the width asked for; where it is narrow columns are left out, and named.
public struct PlanRenderer: Sendable, Hashable {
  /// The columns of the terminal; nil for as many as are needed.
  public var width: Int?
  /// Whether to use colours.
  public var colour: Bool

  /// A renderer for a terminal of this width.
  public init(width: Int? = nil, colour: Bool = false) {
    self.width = width.map { max(1, $0) }
    self.colour = colour
  }

  /// The plan as lines, the last one ended too.
  public func render(_ plan: Plan) -> String {
    var lines = wrapped(Self.title(plan.run), .bold) + [""]
    let words = CandidateWords(
      plan.depth.candidates, examination: plan.ablations?.examination, blocks: plan.blocks.count)
    for (place, sentence) in words.headline.enumerated() {
      lines += wrapped(sentence, place == 0 ? .bold : .plain)
    }
    for sentence in words.details { lines += wrapped(sentence, .plain) }
    let tables = PlanTables(plan)
    if let grid = tables.candidates {
      lines += table(
        grid,
        plan.ablations == nil
          ? [] : ["Δloss alone: removed by itself, with its bounds, in the loss's unit"])
    }
    if let grid = tables.curve {
      lines += table(
        grid,
        [
          "dropped: that many blocks together; greedy: each time, of a few that were tried, the block "
            + "that surely costs least; held out: its upper bound on the samples that chose nothing"
            + (plan.depth.curves?.rows.contains { $0.random.count > 1 } == true
              ? "; random: the mean over orders by chance" : "")
        ])
    }
    if let next = Self.next(plan) { lines += [""] + wrapped(next, .plain) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func title(_ run: RunSummary) -> String {
    "Run \(run.id)" + (run.name.isEmpty ? "" : " · " + PrintableText.escape(run.name))
  }

  /// What the user does with the plan; nil where there are no candidates.
  private static func next(_ plan: Plan) -> String? {
    guard !plan.candidates.isEmpty else { return nil }
    let write = "`resnet-probe plan --run \(plan.run.id) --json > plan.json`"
    return "Next: \(write), then `resnet_probe.bypass(model, \"plan.json\")` in Python gives a "
      + "copy without \(Words.verb(plan.candidates.count, "it", "them")), to evaluate on other samples or to train on."
  }

  private func table(_ grid: Grid, _ legend: [String]) -> [String] {
    let table = grid.lines(width: width, colour: colour)
    let dropped = table.dropped.filter { !$0.isEmpty }
    let notes = legend + (dropped.isEmpty ? [] : [Grid.note(dropped: dropped)])
    return [""] + table.lines + notes.flatMap { wrapped($0, .dim) }
  }

  private func wrapped(_ text: String, _ style: Style) -> [String] {
    WordWrap.lines(text, width: width, indent: 2).map { style.paint($0, isOn: colour) }
  }
}
