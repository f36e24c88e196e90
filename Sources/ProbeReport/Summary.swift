public import ProbeAnalysis
public import ProbeCore

/// What a report found, in sentences for people, the most important first.
///
/// Names in it are printable already.
public struct Summary: Sendable, Hashable {
  /// How many blocks behave as the identity, and which.
  public var headline: String
  /// The other verdicts, what is missing for the undetermined, and what the claim rests on.
  public var details: [String]

  /// Everything as one paragraph.
  public var text: String { ([headline] + details).joined(separator: " ") }

  /// Puts the verdicts on blocks into words.
  ///
  /// What sets of blocks did together is left out where the examination came before the window.
  public init(
    _ blocks: [BlockRow], ablations: Ablations? = nil, window: VerdictWindow? = nil,
    settings: VerdictSettings = VerdictSettings()
  ) {
    let identities = blocks.filter { $0.verdict.verdict.isIdentity }
    headline = Self.headline(identities: identities, blocks: blocks)
    details = [
      Self.partial(blocks.filter { $0.verdict.verdict == .partialIdentity }),
      Self.named(blocks, .constant, "the same to every sample", "adds", "add"),
      Self.named(blocks, .rescaleOnly, "the stream", "only rescales", "only rescale"),
      Self.named(
        blocks, .lowInfluence, "less than the tolerance when ablated", "costs", "cost"),
      Self.active(blocks.count { $0.verdict.verdict == .active }, of: blocks.count),
      Self.notApplicable(blocks.filter { $0.verdict.verdict == .notApplicable }.map(\.block)),
    ].compactMap { $0 }
    details += MissingGroup.groups(blocks).map(\.sentence)
    let isOld = ablations.map { window?.covers($0.examination) == false } ?? false
    if !isOld { details += JointRemovals.sentences(ablations, names: blocks.map(\.block.name)) }
    if blocks.contains(where: { [.constant, .rescaleOnly].contains($0.verdict.verdict) }) {
      details.append(
        "A bias can take the place of what is constant, a factor of what only rescales: predicted "
          + "from training statistics.")
    }
    let candidates = blocks.filter { $0.verdict.verdict.predictsNothing }
    if !candidates.isEmpty {
      details += Confirmations.sentences(candidates, ablations, settings: settings)
    }
  }

  private static func headline(identities: [BlockRow], blocks: [BlockRow]) -> String {
    let all = Words.count(blocks.count, "block")
    guard !blocks.isEmpty else { return "The run has no blocks." }
    guard !identities.isEmpty else {
      let undetermined = blocks.count { $0.verdict.verdict == .undetermined }
      if undetermined == blocks.count { return "No verdict yet on \(all)." }
      return "None of \(all) behaves as the identity."
    }
    let verb = Words.verb(identities.count, "behaves", "behave")
    let groups = originGroups(identities).joined(separator: "; ")
    return "\(identities.count) of \(all) \(verb) as the identity: \(groups)."
  }

  /// "a, b (at birth, since step 0)": the identities by where they come from.
  private static func originGroups(_ identities: [BlockRow]) -> [String] {
    let origins: [(Origin?, String)] = [
      (.atBirth, "at birth"), (.collapsed, "collapsed"), (nil, "origin unknown"),
    ]
    return origins.compactMap { origin, words in
      let group = identities.filter { $0.verdict.origin == origin }
      guard !group.isEmpty else { return nil }
      let steps = group.compactMap(\.verdict.sinceStep)
      var note = words
      if let first = steps.min(), let last = steps.max() {
        note += first == last ? ", since step \(first)" : ", since steps \(first) to \(last)"
      }
      return "\(Words.names(group.map(\.block.name))) (\(note))"
    }
  }

  private static func partial(_ blocks: [BlockRow]) -> String? {
    guard !blocks.isEmpty else { return nil }
    let shares = blocks.compactMap(\.verdict.share)
    let verb = Words.verb(blocks.count, "does", "do")
    var which = "for part of the samples only"
    if let low = shares.min(), let high = shares.max() {
      let (least, most) = (Number.percent(low), Number.percent(high))
      which =
        least == most ? "for \(least) of the samples" : "for \(least) to \(most) of the samples"
    }
    return "\(blocks.count) \(verb) so \(which): \(Words.names(blocks.map(\.block.name)))."
  }

  private static func named(
    _ blocks: [BlockRow], _ verdict: Verdict, _ object: String, _ singular: String,
    _ plural: String
  ) -> String? {
    let group = blocks.filter { $0.verdict.verdict == verdict }
    guard !group.isEmpty else { return nil }
    let verb = Words.verb(group.count, singular, plural)
    return "\(group.count) \(verb) \(object): \(Words.names(group.map(\.block.name)))."
  }

  private static func active(_ number: Int, of all: Int) -> String? {
    guard number > 0 else { return nil }
    if number == all, all > 1 { return "All are active." }
    return "\(number) \(Words.verb(number, "is", "are")) active."
  }

  private static func notApplicable(_ blocks: [Block]) -> String? {
    guard !blocks.isEmpty else { return nil }
    let number = blocks.count
    let kind =
      if blocks.allSatisfy({ $0.shortcut == .projection }) {
        Words.verb(number, "is a projection", "are projections")
      } else if blocks.allSatisfy({ $0.kind == .concat }) {
        Words.verb(number, "is a dense block", "are dense blocks")
      } else {
        Words.verb(number, "changes its shape", "are projections, dense or change their shape")
      }
    return "\(number) \(kind) and cannot be the identity."
  }
}
