internal import ProbeAnalysis

/// What predictors of a block's influence are worth, in sentences (Skill.md).
///
/// Each sentence begins anew, so that they may be shown one a line.
enum SkillWords {
  /// A reliability below this leaves little to predict.
  static let lowReliability = 0.7

  /// The sentences; there is at least one.
  static func sentences(_ skill: Skill?, blocks: Int, confidence: Double) -> [String] {
    guard let skill else {
      return blocks > 0 ? ["Skill: not confirmed; no block was ablated (probe.examine)."] : []
    }
    guard !skill.isOlder else {
      return [
        "Skill: not confirmed; the ablations are of step \(skill.step), before the steps that the "
          + "verdicts look at."
      ]
    }
    var sentences =
      ["Skill: " + taylor(skill, confidence)] + [worth(skill, confidence)].compactMap { $0 }
    if skill.ablated + skill.nonFinite < skill.blocks, !skill.isComplete {
      sentences.append(
        "\(skill.ablated + skill.nonFinite) of \(Words.count(skill.blocks, "block")) "
          + "were ablated so far.")
    }
    if skill.nonFinite > 0 {
      sentences.append(
        "\(Words.count(skill.nonFinite, "block")) without which the loss is not finite "
          + "\(Words.verb(skill.nonFinite, "does", "do")) not take part.")
    }
    return sentences + [noise(skill)].compactMap { $0 }
  }

  private static func taylor(_ skill: Skill, _ confidence: Double) -> String {
    let ablations = Words.count(skill.ablated, "ablation")
    guard let row = skill.row(.taylorImportance), let correlation = row.correlation else {
      return "Taylor importance cannot be held against \(ablations): too few blocks, or all alike."
    }
    let bounds = correlation.bounds(confidence: confidence)
    var notes = ["\(number(bounds.lowerBound)) to \(number(bounds.upperBound))"]
    if let given = row.givenPosition { notes.append("\(number(given)) given position") }
    if let ceiling = skill.noiseCeiling { notes.append("noise ceiling \(number(ceiling))") }
    let subject =
      correlation.pairs == skill.ablated ? ablations : "\(correlation.pairs) of \(ablations)"
    return "Taylor importance orders \(subject) with Spearman \(number(correlation.value)) "
      + "(\(notes.joined(separator: "; ")))."
  }

  private static func noise(_ skill: Skill) -> String? {
    guard skill.ablated >= RankCorrelation.leastPairs else { return nil }
    guard let reliability = skill.reliability else {
      return "No ceiling: the two halves of the probe set do not agree on the order at all. "
        + "Examine with more samples."
    }
    guard reliability < lowReliability else { return nil }
    return "The ablations' own order is uncertain (reliability \(number(reliability))): "
      + "\(Words.count(skill.samples, "sample")) hardly tell the blocks apart. Examine with more."
  }

  /// That Taylor importance orders nothing, or the other way round, or no better than the position.
  private static func worth(_ skill: Skill, _ confidence: Double) -> String? {
    guard let correlation = skill.row(.taylorImportance)?.correlation else { return nil }
    let bounds = correlation.bounds(confidence: confidence)
    if bounds.upperBound < 0 {
      return "It orders them the other way round: what it calls important costs less."
    }
    if bounds.lowerBound <= 0 { return "That cannot be told from chance." }
    if let position = skill.row(.position)?.correlation?.value, position >= correlation.value {
      return "The position alone orders them as well (\(number(position)))."
    }
    return nil
  }

  /// A correlation to two decimals: it is read by its distance from 0 and ±1.
  static func number(_ value: Double) -> String {
    let hundredths = Int((value.magnitude * 100).rounded())
    let (whole, part) = hundredths.quotientAndRemainder(dividingBy: 100)
    let sign = value < 0 && hundredths > 0 ? "−" : ""
    return "\(sign)\(whole).\(part < 10 ? "0" : "")\(part)"
  }
}
