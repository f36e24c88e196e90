internal import ProbeCore

extension History {
  /// The findings of a kind that are about a block of the run, with it, by first step and ordinal.
  func noted(_ kind: NotedFinding.Kind) -> [(block: Block, finding: NotedFinding)] {
    let byOrdinal = Dictionary(
      blocks.map { ($0.block.ordinal, $0.block) }, uniquingKeysWith: { first, _ in first })
    return findings.filter { $0.kind == kind }
      .compactMap { finding in
        finding.ordinal.flatMap { byOrdinal[$0] }.map { (block: $0, finding: finding) }
      }
      .sorted {
        ($0.finding.firstStep ?? -1, $0.block.ordinal)
          < ($1.finding.firstStep ?? -1, $1.block.ordinal)
      }
  }
}

/// What the store noticed while it took a run in, as findings of a report.
extension Finding {
  /// The most changes of verdicts that a report tells one by one; the newest are told.
  static let listedChanges = 6

  /// Blocks that changed at one step are told together; an identity from the first record on is no
  /// change.
  ///
  /// They are by the ε of the store, which is said where the report's is another one.
  static func verdictChanges(_ history: History, settings: VerdictSettings) -> [Finding] {
    struct Change: Hashable {
      var step: Int
      var isIdentity: Bool
    }
    let start = history.steps.first?.step
    let noted = history.noted(.verdictChanged).filter {
      $0.finding.isIdentity == false || $0.finding.firstStep != start
    }
    let groups = Dictionary(grouping: noted) {
      Change(step: $0.finding.firstStep ?? 0, isIdentity: $0.finding.isIdentity ?? false)
    }
    let usual = VerdictSettings().epsilon
    let rule = settings.epsilon == usual ? "" : " (by ε \(Number.format(usual)))"
    let sorted = groups.sorted {
      ($0.key.step, $0.key.isIdentity ? 1 : 0) < ($1.key.step, $1.key.isIdentity ? 1 : 0)
    }
    let told = sorted.suffix(listedChanges).map { change, blocks in
      let names = Words.names(blocks.map(\.block.name))
      let what = Words.verb(blocks.count, "an identity", "identities")
      let verb = Words.verb(blocks.count, "was", "were")
      let words =
        change.isIdentity
        ? "\(names) became \(what)\(rule): three windows in a row, from step \(change.step) on."
        : "\(names) \(verb) no longer \(what)\(rule) from step \(change.step) on."
      return Finding(kind: .verdictChanged, words: words)
    }
    let rest = noted.count - sorted.suffix(listedChanges).reduce(0) { $0 + $1.value.count }
    guard rest > 0 else { return told }
    let earlier = Finding(
      kind: .verdictChanged,
      words: "\(Words.count(rest, "earlier change")) of a verdict "
        + "(SELECT * FROM run_finding WHERE kind = 'verdict_changed').")
    return [earlier] + told
  }

  static func newerRecorder(_ findings: [NotedFinding]) -> Finding? {
    let count = findings.filter { $0.kind == .newerRecorder }.compactMap(\.count).first ?? 0
    guard count > 0 else { return nil }
    let verb = Words.verb(count, "is", "are")
    return Finding(
      kind: .newerRecorder,
      words: "\(Words.count(count, "record")) \(verb) of a kind that this version does not know: "
        + "the recorder is newer than it.")
  }
}
