internal import ProbeAnalysis
internal import ProbeCore

/// The blocks that could be left out together and what that costs, in sentences (Plan.md).
struct CandidateWords {
  private let candidates: CandidateSet
  private let examination: Examination?
  private let blocks: Int

  init(_ candidates: CandidateSet, examination: Examination?, blocks: Int) {
    self.candidates = candidates
    self.examination = examination
    self.blocks = blocks
  }

  /// The set with its cost, or that there is none; one sentence or two.
  var headline: [String] {
    guard !candidates.ordinals.isEmpty else { return [nothing] }
    let which = BlockRanges.words(candidates.ordinals)
    var sentence: String
    switch candidates.basis {
    case .measured where isAskedFor:
      let cost = candidates.joint.map { joint in
        joint.loss.map { "the loss changes by \(LossChange.words($0))" }
          ?? "the loss is no longer finite"
      }
      sentence =
        "The first \(candidates.ordinals.count) of the greedy order: \(which) of \(blocks). Without "
        + Words.verb(candidates.ordinals.count, "it ", "them ")
        + (cost ?? "nothing was measured")
    case .measured:
      let cost = candidates.loss?.jointly.map { "for \(LossChange.words($0)) of loss" }
      sentence =
        "Candidates: \(which) of \(blocks) could go\(together) "
        + (cost ?? "at a cost that was not measured")
    case .verdicts, .none:
      let verdicts = Words.verb(candidates.ordinals.count, "its verdict", "their verdicts")
      sentence = "Candidates: \(which) of \(blocks), by \(verdicts)"
      if let loss = candidates.loss?.jointly {
        let them = Words.verb(candidates.ordinals.count, "it", "them")
        sentence += "; without \(them) the loss changes by \(LossChange.words(loss))"
      }
    }
    return ["\(sentence), \(confirmation)."] + [shares].compactMap { $0 }
  }

  /// Whether so many blocks were asked for that the set is not within the tolerance.
  private var isAskedFor: Bool {
    if case .drop = candidates.choice { !candidates.isConfirmed } else { false }
  }

  /// "together", where there are several.
  private var together: String { candidates.ordinals.count == 1 ? "" : " together" }

  /// "confirmed on 1024 samples", or why not.
  private var confirmation: String {
    guard candidates.isConfirmed, let examination else {
      return "not confirmed: \(reason)"
    }
    return "confirmed on \(Words.count(examination.samples, "sample"))"
  }

  /// Why there is no set.
  private var nothing: String {
    guard candidates.basis == .measured else {
      return candidates.doubt == nil
        ? "No candidates." : "No candidates: no verdict calls a block an identity, and \(reason)."
    }
    return "No candidates: \(limit ?? "no block was asked for")."
  }

  /// What keeps the set from being confirmed, a clause.
  private var reason: String {
    switch candidates.doubt {
    case .neverExamined?: return "the network was never examined (probe.examine)"
    case .noGreedyOrder? where blocks == 1: return "there is no other block to drop beside it"
    case .noGreedyOrder?:
      return "no greedy order was measured (probe.examine with curve=True; one that was stopped "
        + "goes on by the same call)"
    case .examination(.old)?:
      return "the examination, of step \(examination?.step ?? 0), "
        + "is older than the verdicts' window"
    case .examination(.fewSamples)?:
      return "\(Words.count(examination?.samples ?? 0, "sample")) bound too little"
    case .examination(.worseThanUntrained)?:
      return "in eval mode the network does worse than it did untrained"
    case .examination(.counts)?, nil:
      if isAskedFor, let upper = candidates.loss?.heldOutUpper,
        let tolerance = candidates.tolerance, upper > tolerance
      {
        return "on the samples that did not choose them the loss may rise by "
          + Self.beside(upper, tolerance)
      }
      return limit ?? "the loss was not measured without all of them"
    }
  }

  /// Why the rule proposes no more blocks, a clause; nil where it proposes all.
  var limit: String? {
    guard let rule = candidates.rule else { return nil }
    let block = rule.next.map { "block \($0)" } ?? "the next block"
    let subject =
      rule.dropped == 0
      ? "without \(block), the first of the greedy order," : "without \(block) too"
    switch rule.end {
    case .endOfOrder:
      return rule.dropped < blocks
        ? "the greedy order goes no further (an examination that was stopped goes on by the same call)"
        : nil
    case .notMeasured: return "\(subject) nothing was measured"
    case .notFinite: return "\(subject) the loss is no longer finite"
    case .errorRises(let lower):
      return "\(subject) the error rises by at least \(Number.percent(lower))"
    case .tooCostly(let upper):
      return "\(subject) the loss may rise by \(Self.beside(upper, candidates.tolerance ?? 0)) "
        + "on the samples that chose nothing"
    }
  }

  /// A bound beside the tolerance, with as few digits as show that it is above it.
  private static func beside(_ upper: Double, _ tolerance: Double) -> String {
    let digits =
      (2...6).first { LossChange.signed(upper, $0) != LossChange.signed(tolerance, $0) } ?? 6
    return "\(LossChange.signed(upper, digits)) (tolerated are "
      + "\(Number.format(tolerance, significant: digits)))"
  }

  /// What all of it was measured on; nil where nothing was.
  private var measuredOn: String? {
    guard let examination, candidates.doubt != .neverExamined else { return nil }
    let error = examination.baseError.map { ", \(Number.percent($0)) wrong predictions" } ?? ""
    return "Examined after \(Words.count(examination.step, "step")) on "
      + "\(Words.count(examination.samples, "sample")): loss "
      + "\(Number.format(examination.baseLoss))\(error)."
  }

  /// What the blocks take of all blocks' parameters and multiply–accumulates; nil where neither is known.
  private var shares: String? {
    let parts = [
      candidates.macs.share.map { "\(Number.percent($0)) of the blocks' multiply–accumulates" },
      candidates.parameters.share.map { share in
        let whose = candidates.macs.share == nil ? "the blocks'" : "their"
        return "\(Number.percent(share)) of \(whose) parameters"
      },
    ].compactMap { $0 }
    guard !parts.isEmpty else { return nil }
    let verb = candidates.ordinals.count == 1 ? "It takes" : "They take"
    return "\(verb) \(parts.joined(separator: " and "))."
  }

  /// The loss as a range, the held-out bound and the error, for who looks closer.
  var details: [String] {
    var sentences = [measuredOn].compactMap { $0 }
    if blocks > 1, candidates.basis == .measured, candidates.ordinals.count == blocks,
      candidates.isConfirmed
    {
      sentences.append(
        "That is every block: for this loss they do nothing. Was the network trained?")
    }
    if let loss = candidates.loss, !candidates.ordinals.isEmpty {
      let singles = loss.sumOfSingles.map {
        "\(LossChange.signed($0)) (the sum of each alone)"
      }
      let joint = loss.jointly.map { "\(LossChange.words($0)) (measured together)" }
      let range = [singles, joint].compactMap { $0 }
      if !range.isEmpty { sentences.append("Loss: \(range.joined(separator: " to ")).") }
      if let upper = loss.heldOutUpper, let tolerance = candidates.tolerance {
        sentences.append(
          "On the samples that did not choose them the upper bound is \(LossChange.signed(upper)); "
            + "tolerated are \(Number.format(tolerance, significant: 2)).")
      }
      if let error = candidates.errorChange {
        sentences.append("The share of wrong predictions changes by \(LossChange.words(error)).")
      }
    }
    if candidates.basis == .measured, !candidates.ordinals.isEmpty, candidates.isConfirmed,
      candidates.choice == .withinTolerance, let limit
    {
      sentences.append("No more: \(limit).")
    }
    if case .drop(let asked) = candidates.choice, asked > candidates.ordinals.count {
      sentences.append(
        "Asked for were \(asked); there are \(candidates.ordinals.count).")
    }
    return sentences
  }
}
