internal import ProbeCore

/// The undetermined blocks of a report that lack the same thing.
struct MissingGroup {
  /// The worst case of what they lack; nil where no reason was given.
  var missing: Missing?
  /// Whether they lack it to different degrees.
  var varies: Bool
  /// The names of the blocks.
  var names: [String]

  /// One sentence: how many, what is missing, which.
  var sentence: String {
    let verb = Words.verb(names.count, "is", "are")
    let list = Words.names(names)
    guard let missing else { return "\(names.count) \(verb) undetermined: \(list)." }
    let words = missing.description + (varies ? ", at worst" : "")
    return "\(names.count) \(verb) undetermined: \(list) (missing \(words))."
  }

  /// The groups among the rows, the largest first; equals in the order of ``Cause``.
  static func groups(_ blocks: [BlockRow]) -> [MissingGroup] {
    let undetermined = blocks.filter { $0.verdict.verdict == .undetermined }
    let byCause = Dictionary(grouping: undetermined) { Cause($0.verdict.missing) }
    let sorted = byCause.sorted {
      ($1.value.count, $0.key.rawValue) < ($0.value.count, $1.key.rawValue)
    }
    return sorted.map { _, rows in
      let missing = rows.compactMap(\.verdict.missing)
      return MissingGroup(
        missing: missing.dropFirst().reduce(missing.first, worse),
        varies: Set(missing.map(\.description)).count > 1, names: rows.map(\.block.name))
    }
  }

  /// Of two lacks of one cause the greater.
  private static func worse(_ a: Missing?, _ b: Missing) -> Missing? {
    switch (a, b) {
    case (.records(let have, _), .records(let other, _)): have <= other ? a : b
    case (.finiteValues(let step, let n), .finiteValues(let otherStep, let m)):
      .finiteValues(firstStep: min(step, otherStep), samples: max(n, m))
    case (.unmaskedSamples(let share), .unmaskedSamples(let other)): share >= other ? a : b
    case (.samples(let have, _), .samples(let other, _)): have <= other ? a : b
    case (.confidenceAmongBlocks(let p), .confidenceAmongBlocks(let other)): p >= other ? a : b
    default: a
    }
  }
}

/// The kinds of what can be missing, without their numbers, under the names that JSON uses.
enum Cause: String {
  case records
  case samples
  case unmaskedSamples = "unmasked_samples"
  case finiteValues = "finite_values"
  case decidedInterval = "decided_interval"
  case confidenceAmongBlocks = "confidence_among_blocks"
  case unknown

  init(_ missing: Missing?) {
    self =
      switch missing {
      case .records: .records
      case .samples: .samples
      case .unmaskedSamples: .unmaskedSamples
      case .finiteValues: .finiteValues
      case .decidedInterval: .decidedInterval
      case .confidenceAmongBlocks: .confidenceAmongBlocks
      case nil: .unknown
      }
  }
}
