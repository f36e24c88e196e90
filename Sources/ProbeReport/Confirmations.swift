internal import ProbeCore

/// What ablations make of the blocks that are predicted to do nothing, in sentences.
enum Confirmations {
  /// The sentences on the candidates; there is at least one of these.
  static func sentences(
    _ candidates: [BlockRow], _ ablations: Ablations?, settings: VerdictSettings
  ) -> [String] {
    func names(_ confirmation: Confirmation?) -> [String] {
      candidates.filter { $0.verdict.confirmation == confirmation }.map(\.block.name)
    }
    let open = names(nil)
    guard let examination = ablations?.examination, open.count < candidates.count else {
      return ["Candidates only. Predicted from training statistics; not confirmed by ablation."]
    }
    let tolerance = Number.format(
      settings.tolerance(of: examination), significant: 2)
    let groups: [(names: [String], words: String)] = [
      (
        names(.confirmed),
        "confirmed by ablation (removed alone, the loss rises by less than \(tolerance))"
      ),
      (
        names(.contradicted),
        "contradicted by ablation (removed alone, the loss rises by more than \(tolerance))"
      ),
      (names(.open), "left open by ablation (the bounds lie on both sides of \(tolerance))"),
      (open, "predicted only, never ablated"),
    ]
    let sentences = groups.filter { !$0.names.isEmpty }.map { names, words in
      "\(names.count) \(Words.verb(names.count, "is", "are")) \(words): \(Words.names(names))."
    }
    return ["Candidates only."] + sentences
  }
}
