public import ProbeCore

/// A metric of how a network does on data that it was not trained on, recognised by its name.
///
/// A name is taken apart at everything but letters and digits, and where a capital follows a small
/// letter. One of its words says that other data is meant (test, val, valid, validation, eval, dev,
/// holdout, heldout), one says what is measured: a loss or an error, where less is better, or an
/// accuracy, where more is. `val_loss`, `test/acc@1` and `evalError` are recognised; `loss`,
/// `train_acc` and `value_loss` are not.
public struct TestMetric: Sendable, Hashable {
  /// What is measured.
  public enum Measure: String, Sendable, CaseIterable {
    /// A loss: less is better.
    case loss
    /// A share of wrong answers: less is better.
    case error
    /// A share of right answers: more is better.
    case accuracy
  }

  /// The metric.
  public let metric: FinalMetric
  /// What it measures.
  public let measure: Measure

  private static let others: Set = [
    "test", "val", "valid", "validation", "eval", "evaluation", "dev", "holdout", "heldout",
  ]
  private static let measures: [String: Measure] = [
    "loss": .loss, "nll": .loss, "ce": .loss, "ppl": .loss, "perplexity": .loss,
    "error": .error, "err": .error, "accuracy": .accuracy, "acc": .accuracy, "top1": .accuracy,
  ]

  /// Recognises a metric; nil where its name says neither, or its value is not finite or impossible.
  public init?(_ metric: FinalMetric) {
    let words = Self.words(metric.key)
    // A training metric stays one, whatever else its name says.
    guard words.contains(where: Self.others.contains), !words.contains("train"),
      !words.contains("training")
    else { return nil }
    let found = Set(words.compactMap { Self.measures[$0] })
    // "top1 error" is an error.
    guard let measure = found.contains(.error) ? .error : found.first, metric.value.isFinite,
      found.count == 1 || found == [.error, .accuracy],
      measure == .loss || (0...100).contains(metric.value)
    else { return nil }
    self.metric = metric
    self.measure = measure
  }

  /// What a value above 1 makes clear: it is given in percent.
  private var isPercent: Bool { measure != .loss && metric.value > 1 }

  /// What gets less as a network gets better: the loss, or the share of wrong answers, 0 … 1.
  public var badness: Double {
    let value = isPercent ? metric.value / 100 : metric.value
    return measure == .accuracy ? 1 - value : value
  }

  /// The metrics of a run that are recognised, in the order of ``Measure`` and of their names.
  public static func all(in metrics: [FinalMetric]) -> [TestMetric] {
    let order = Dictionary(uniqueKeysWithValues: zip(Measure.allCases, 0...))
    return metrics.compactMap(TestMetric.init).sorted {
      (order[$0.measure]!, $0.metric.key) < (order[$1.measure]!, $1.metric.key)
    }
  }

  private static func words(_ key: String) -> [String] {
    var words: [String] = []
    var word = ""
    var before: Character = " "
    for character in key {
      let isPart = character.isASCII && (character.isLetter || character.isNumber)
      if !isPart || (character.isUppercase && before.isLowercase) {
        if !word.isEmpty { words.append(word) }
        word = ""
      }
      if isPart { word += character.lowercased() }
      before = character
    }
    return word.isEmpty ? words : words + [word]
  }
}
