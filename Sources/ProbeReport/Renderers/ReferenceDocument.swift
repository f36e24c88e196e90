internal import ProbeAnalysis
internal import ProbeCore

/// What papers state of networks like a run's, in JSON.
public struct ReferenceDocument: Encodable, Sendable {
  /// `network`: the network that the blocks are those of; null where none is known.
  public let network: OrNull<String>
  /// `numbers`: what is published of it and of networks like it.
  public let numbers: [PublishedNumberDocument]
  /// `statements`: what papers found out about networks of its kind.
  public let statements: [PublishedStatementDocument]
  /// `tests`: how the run did on other data, as far as it logged that.
  public let tests: [TestMetricDocument]
  /// `words`: the same for people.
  public let words: String

  init(_ reference: PublishedReference) {
    network = OrNull(reference.network)
    numbers = reference.numbers.map(PublishedNumberDocument.init)
    statements = reference.statements.map {
      PublishedStatementDocument(words: $0.words, source: $0.source)
    }
    tests = reference.tests.map(TestMetricDocument.init)
    let section = PublishedSection(reference, width: nil, colour: false)
    words = ([section.headline] + section.sentences).joined(separator: " ")
  }
}

/// A number of a paper.
public struct PublishedNumberDocument: Encodable, Sendable {
  /// `network`: its name in the paper.
  public let network: String
  /// `dataset`: the data that it was measured on.
  public let dataset: String
  /// `measure`: what was measured.
  public let measure: String
  /// `percent`: the number.
  public let percent: Double
  /// `source`: the paper.
  public let source: String

  init(_ number: PublishedNumber) {
    network = number.network
    dataset = number.dataset.rawValue
    measure = number.measure.rawValue
    percent = number.value
    source = number.source
  }
}

/// What a paper found out.
public struct PublishedStatementDocument: Encodable, Sendable {
  /// `words`: one or two sentences.
  public let words: String
  /// `source`: the paper.
  public let source: String
}
