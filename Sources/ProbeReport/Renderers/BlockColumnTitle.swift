extension BlockColumns {
  /// The headings of the table of blocks.
  enum Title: String {
    case ordinal = "#"
    case block
    case kind
    case stage
    case gap
    case bounds
    case p90
    case ratio
    case cosine = "cos"
    case taylor = "Taylor"
    case gradient = "‖∂θ‖"
    case weight = "‖θ‖"
    case outputGradient = "‖∂h‖"
    case verdict
    case lossChange = "Δloss"
    case since
    case trend

    /// How the column is set, and when it goes on a narrow terminal.
    var column: Grid.Column {
      Grid.Column(
        title: rawValue, alignment: alignment, dropOrder: dropOrder,
        shortens: self == .block ? .init(comfortable: 20, least: 8, middle: true) : nil)
    }

    /// The greatest order of dropping of the columns that are always worth having.
    static let lastEssential = 3

    /// The greatest order of dropping of the columns for which names are shortened: what a verdict
    /// rests on comes with it.
    static let lastImportant = 4

    /// Whether the column is worth having with nothing in it.
    var isEssential: Bool { dropOrder <= Self.lastEssential }

    private var alignment: Alignment {
      switch self {
      case .block, .kind, .verdict, .since, .trend: .leading
      case .gap, .p90, .gradient, .weight, .outputGradient: .decimal
      case .ordinal, .stage, .bounds, .ratio, .cosine, .taylor, .lossChange: .trailing
      }
    }

    /// First what identifies the block and says what it is, then what that rests on, then the
    /// rest of what was measured.
    private var dropOrder: Int {
      switch self {
      case .block: 0
      case .verdict: 1
      case .gap: 2
      case .ordinal: 3
      case .lossChange: 4
      case .bounds: 5
      case .trend: 6
      case .ratio: 7
      case .taylor: 8
      case .since: 9
      case .p90: 10
      case .cosine: 11
      case .kind: 12
      case .gradient: 13
      case .outputGradient: 14
      case .weight: 15
      case .stage: 16
      }
    }
  }
}
