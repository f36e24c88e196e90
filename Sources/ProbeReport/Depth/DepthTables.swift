internal import ProbeAnalysis
internal import ProbeCore

/// The tables of a report's depth section.
enum DepthTables {
  /// How many blocks do the work, a row for each score; nil where no score says it.
  static func effective(_ depth: Depth) -> Grid? {
    let rows = depth.effective.compactMap { effective -> [Grid.Cell]? in
      guard let participation = effective.participation, let entropy = effective.entropy else {
        return nil
      }
      return [
        Grid.Cell(text: DepthWords.name(effective.score)), number(participation), number(entropy),
        Grid.Cell(text: String(effective.counted)),
      ]
    }
    guard !rows.isEmpty else { return nil }
    return Grid(
      columns: [
        words("depth by", order: 0),
        Grid.Column(title: "participation", alignment: .decimal, dropOrder: 1),
        Grid.Column(title: "entropy", alignment: .decimal, dropOrder: 2),
        Grid.Column(title: "blocks", alignment: .trailing, dropOrder: 3),
      ], rows: rows, important: 1)
  }

  /// How crooked the way through each stage is; nil where no stage was measured.
  static func stages(_ depth: Depth) -> Grid? {
    guard !depth.tortuosity.isEmpty else { return nil }
    return Grid(
      columns: [
        Grid.Column(title: "stage", alignment: .trailing, dropOrder: 1),
        Grid.Column(title: "blocks", alignment: .trailing, dropOrder: 0),
        Grid.Column(title: "turns", alignment: .decimal, dropOrder: 3),
        Grid.Column(title: "straight", alignment: .decimal, dropOrder: 4),
        Grid.Column(title: "tortuosity", alignment: .decimal, dropOrder: 2),
      ],
      rows: depth.tortuosity.map { stage in
        [
          Grid.Cell(text: String(stage.stage), style: .dim), range(stage.blocks), number(stage.way),
          number(stage.chord), number(stage.value),
        ]
      }, important: 2)
  }

  /// The most rows of the table of spans.
  static let mostSpans = 24

  /// Of each stage and length the span that turns the stream least: lengths 2, 4, 8 … and the whole stage.
  static func spans(_ depth: Depth) -> Grid? {
    let rows = depth.spans.flatMap { stage in
      stage.least.filter { span in
        span.length > 1
          && (span.length & (span.length - 1) == 0 || span.length == stage.least.last?.length)
      }.map { span in
        [
          Grid.Cell(text: String(stage.stage), style: .dim), Grid.Cell(text: String(span.length)),
          range(span.blocks), number(span.angularDistance), number(span.gap), loss(span.ablation),
        ]
      }
    }
    guard !rows.isEmpty else { return nil }
    return Grid(
      columns: [
        Grid.Column(title: "stage", alignment: .trailing, dropOrder: 3),
        Grid.Column(title: "length", alignment: .trailing, dropOrder: 4),
        Grid.Column(title: "least turned", alignment: .trailing, dropOrder: 0),
        Grid.Column(title: "angle", alignment: .decimal, dropOrder: 1),
        Grid.Column(title: "span gap", alignment: .decimal, dropOrder: 5),
        Grid.Column(title: "Δloss", alignment: .trailing, dropOrder: 2),
      ], rows: Array(rows.prefix(mostSpans)), important: 1)
  }

  // MARK: matrices

  /// A field of shades under its title.
  struct Titled {
    var title: String
    var matrix: ShadedMatrix
  }

  /// The distance of each pair of stream states, a matrix for each stage of two blocks or more.
  static func distances(_ depth: Depth) -> [Titled] {
    let stages = depth.spans.filter { $0.distances.ordinals.count > 1 && !$0.distances.isEmpty }
    let all = stages.flatMap { $0.distances.rows.joined() }.compactMap { $0.flatMap(distance) }
    guard let high = all.max() else { return [] }
    let shading = Shading(low: 0, high: high)
    return stages.map { stage in
      Titled(
        title: "stage \(stage.stage)",
        matrix: symmetric(stage.distances, shading, known: distance))
    }
  }

  /// CKA between all blocks; nil where it is not known.
  static func cka(_ depth: Depth) -> Titled? {
    guard let matrix = depth.similarity?.cka, matrix.ordinals.count > 1 else { return nil }
    let all = matrix.rows.joined().compactMap { $0.flatMap(correlation) }
    guard let least = all.min() else { return nil }
    // From the tenth below the least: most blocks of a network are alike.
    let shading = Shading(low: min(0.9, (least * 10).rounded(.down) / 10), high: 1)
    return Titled(title: "all blocks", matrix: symmetric(matrix, shading, known: correlation))
  }

  /// What each dense block weighs of each source, beside what it weighs on average: a matrix a stage.
  static func reuse(_ depth: Depth) -> [Titled] {
    let all = depth.reuse.flatMap(\.readings).compactMap { $0.relative.flatMap(weight) }
    guard let high = all.max(), high > 0 else { return [] }
    let shading = Shading(low: 0, high: high)
    return depth.reuse.filter { $0.readers > 1 }.map { stage in
      let readers = Set(stage.readings.map(\.reader)).sorted()
      let sources = Set(stage.readings.map { $0.source ?? -1 }).sorted()
      let columns = Dictionary(uniqueKeysWithValues: zip(sources, 0...))
      let rows = Dictionary(uniqueKeysWithValues: zip(readers, 0...))
      var values = [[Double?]](
        repeating: [Double?](repeating: nil, count: sources.count), count: readers.count)
      for reading in stage.readings {
        values[rows[reading.reader]!][columns[reading.source ?? -1]!] =
          reading.relative.flatMap(weight)
      }
      return Titled(
        title: "stage \(stage.stage)",
        matrix: ShadedMatrix(
          rows: readers.map(String.init), columns: sources.map { $0 < 0 ? "in" : String($0) },
          values: values, shading: shading))
    }
  }

  private static func symmetric(
    _ matrix: BlockMatrix, _ shading: Shading, known: (Double) -> Double?
  ) -> ShadedMatrix {
    let labels = matrix.ordinals.map(String.init)
    let places = matrix.ordinals.indices
    return ShadedMatrix(
      rows: labels, columns: labels,
      values: places.map { row in
        places.map { column in
          matrix.rows[min(row, column)][max(row, column)].flatMap(known)
        }
      }, shading: shading)
  }

  /// An angle over π; what a store may hold beside those is no number.
  private static func distance(_ value: Double) -> Double? {
    (-1e-9...1 + 1e-9).contains(value) ? value : nil
  }

  private static func correlation(_ value: Double) -> Double? {
    (-1 - 1e-9...1 + 1e-9).contains(value) ? value : nil
  }

  private static func weight(_ value: Double) -> Double? {
    value >= 0 && value.isFinite ? value : nil
  }

  // MARK: cells

  private static func words(_ title: String, order: Int) -> Grid.Column {
    Grid.Column(
      title: title, alignment: .leading, dropOrder: order,
      shortens: .init(comfortable: 17, least: 8, middle: false))
  }

  private static func range(_ blocks: ClosedRange<Int>) -> Grid.Cell {
    Grid.Cell(
      text: blocks.count == 1
        ? "\(blocks.lowerBound)" : "\(blocks.lowerBound)–\(blocks.upperBound)")
  }

  private static func number(_ value: Double?) -> Grid.Cell {
    guard let value else { return Grid.Cell(text: Grid.absent, style: .dim) }
    return Grid.Cell(text: Number.format(value, significant: 3, trimmed: false))
  }

  /// A change of the loss with its bounds.
  static func loss(_ ablation: Ablation?) -> Grid.Cell {
    guard let ablation else { return Grid.Cell(text: Grid.absent, style: .dim) }
    return Grid.Cell(text: ablation.loss.map(LossChange.words) ?? "not finite")
  }
}
