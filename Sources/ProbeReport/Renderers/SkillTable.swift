internal import ProbeAnalysis

/// The predictors of a report's skill as a table for the terminal.
enum SkillTable {
  /// A row for each predictor that has a correlation, the strongest first; nil where none has, and where
  /// the examination is of an older network.
  static func grid(_ skill: Skill, confidence: Double) -> Grid? {
    guard !skill.isOlder else { return nil }
    let rows = skill.predictors.filter { $0.correlation != nil }
      .sorted { ($0.correlation?.value.magnitude ?? 0) > ($1.correlation?.value.magnitude ?? 0) }
    guard !rows.isEmpty else { return nil }
    func cell(_ value: Double?) -> Grid.Cell {
      guard let value else { return Grid.Cell(text: Grid.absent, style: .dim) }
      return Grid.Cell(text: SkillWords.number(value))
    }
    return Grid(
      columns: [
        Grid.Column(
          title: "predictor", alignment: .leading, dropOrder: 0,
          shortens: .init(comfortable: 18, least: 8, middle: false)),
        Grid.Column(title: "Spearman", alignment: .trailing, dropOrder: 1),
        Grid.Column(title: "bounds", alignment: .trailing, dropOrder: 3),
        Grid.Column(title: "given position", alignment: .trailing, dropOrder: 2),
        Grid.Column(title: "blocks", alignment: .trailing, dropOrder: 4),
      ],
      rows: rows.map { row in
        let bounds = row.correlation?.bounds(confidence: confidence)
        return [
          Grid.Cell(text: row.predictor.rawValue),
          cell(row.correlation?.value),
          Grid.Cell(
            text: bounds.map {
              "\(SkillWords.number($0.lowerBound)) … \(SkillWords.number($0.upperBound))"
            } ?? Grid.absent),
          cell(row.givenPosition),
          Grid.Cell(text: row.correlation.map { String($0.pairs) } ?? Grid.absent),
        ]
      },
      important: 1)
  }
}
