internal import ProbeAnalysis
internal import ProbeCore

/// What papers state of networks like a run's, below its report.
struct PublishedSection {
  private let reference: PublishedReference
  private let width: Int?
  private let colour: Bool

  init(_ reference: PublishedReference, width: Int?, colour: Bool) {
    self.reference = reference
    self.width = width
    self.colour = colour
  }

  /// The section as lines, an empty one first.
  var lines: [String] {
    var lines = [""] + wrapped(headline).map { Style.bold.paint($0, isOn: colour) }
    if !reference.numbers.isEmpty {
      let table = grid.lines(width: width, colour: colour)
      lines += table.lines
      if !table.dropped.isEmpty {
        lines += wrapped(Grid.note(dropped: table.dropped)).map {
          Style.dim.paint($0, isOn: colour)
        }
      }
    }
    for sentence in sentences { lines += wrapped(sentence) }
    return lines
  }

  private func wrapped(_ text: String) -> [String] {
    WordWrap.lines(text, width: width, indent: 2)
  }

  private var grid: Grid {
    let columns = ["network", "data", "measure", "%", "source"]
    return Grid(
      columns: columns.enumerated().map { place, title in
        Grid.Column(
          title: title, alignment: title == "%" ? .decimal : .leading,
          dropOrder: [0, 2, 3, 1, 4][place],
          shortens: title == "%" ? nil : .init(comfortable: 16, least: 8, middle: false))
      },
      rows: reference.numbers.map { number in
        let style = number.network == reference.network ? Style.bold : .plain
        return [
          number.network, number.dataset.rawValue, number.measure.rawValue,
          Number.format(number.value, significant: number.value < 10 ? 3 : 4, trimmed: false),
          number.source,
        ].map { Grid.Cell(text: $0, style: style) }
      }, important: 1)
  }
}

extension PublishedSection {
  /// One line: what was recognised, and by what.
  var headline: String {
    guard let network = reference.network, let basis = reference.basis else {
      return reference.numbers.isEmpty
        ? "Published numbers: none is known of a network with these blocks."
        : "Published numbers: none is known of a network with these blocks; of others without "
          + "shortcuts:"
    }
    var by = [Words.count(basis.blocks, "block")]
    if basis.projections > 0 { by.append("\(basis.projections) of them projections") }
    by.append("stages of \(basis.stages.map(String.init).joined(separator: ", "))")
    if let channels = basis.channels {
      by.append("\(channels.map(String.init).joined(separator: "-")) channels")
    }
    return "Published numbers: the blocks are those of \(network) (\(by.joined(separator: ", "))):"
  }

  /// How to take the numbers, what the run logged, and what papers say.
  var sentences: [String] {
    var sentences: [String] = []
    if let data = reference.numbers.first?.dataset.rawValue {
      sentences.append(
        "They compare only if this run is \(data), trained and tested as in the paper; "
          + "what it was trained on is not known here.")
    }
    if let basis = reference.basis, let side = basis.side, side != basis.publishedSide {
      sentences.append(
        "Images have a side of \(side) at the first block here and \(basis.publishedSide) there: "
          + "this is other data, or another stem.")
    }
    if let basis = reference.basis, basis.channels == nil {
      sentences.append("The channels are not known: recognised by the number and kinds of blocks.")
    }
    // Beside numbers only: a network that none are known of is one line.
    let tests = reference.numbers.isEmpty ? [] : reference.tests
    sentences += tests.map { test in
      let error = Number.format(100 * test.badness, significant: 3)
      return "This run logged \(PrintableText.escape(test.metric.key)) "
        + "\(Number.format(test.metric.value)) at step \(test.metric.step): \(error) % wrong."
    }
    if reference.tests.isEmpty, !reference.numbers.isEmpty {
      sentences.append(
        "This run logged no error or accuracy of other data (val_accuracy, test_error and the like)."
      )
    }
    return sentences + reference.statements.map { "\($0.words) (\($0.source))" }
  }
}
