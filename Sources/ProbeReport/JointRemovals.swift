internal import ProbeCore

/// The sets of several blocks that were removed together, in sentences.
enum JointRemovals {
  /// The most sets that are told; JSON and the store hold all of them.
  static let told = 3

  /// What removing each set did to the loss, the smallest sets first; names by ordinal.
  static func sentences(_ ablations: Ablations?, names: [String]) -> [String] {
    let joint = (ablations?.sets ?? []).filter {
      $0.ordinals.allSatisfy(names.indices.contains)
    }
    let sentences = joint.prefix(told).map { ablation in
      let which = Words.names(ablation.ordinals.map { names[$0] })
      guard let loss = ablation.loss else {
        return "Removed together, \(which): the loss is no longer finite."
      }
      return "Removed together, \(which): the loss changes by \(LossChange.words(loss))."
    }
    let rest = joint.count - sentences.count
    return rest > 0
      ? sentences + ["\(Words.count(rest, "more set")) of blocks: see --json."] : sentences
  }
}

extension Ablations {
  /// The sets of several blocks that were removed for their own sake: asked for or proposed, and no step of
  /// an order nor a trial of the greedy one, its beginning and one block more.
  ///
  /// Complexity: O(orders × blocks of all sets).
  var sets: [Ablation] {
    let orders = orders.map { order in
      (
        isGreedy: order.strategy == .greedy,
        places: Dictionary(zip(order.ordinals, 0...), uniquingKeysWith: { first, _ in first })
      )
    }
    return all.filter { ablation in
      let count = ablation.ordinals.count
      guard count > 1 else { return false }
      return orders.allSatisfy { isGreedy, places in
        let early = ablation.ordinals.count { (places[$0] ?? .max) < count }
        let earlier = ablation.ordinals.count { (places[$0] ?? .max) < count - 1 }
        return early < count && !(isGreedy && earlier == count - 1)
      }
    }
  }
}

/// A measured change with its bounds, for people.
enum LossChange {
  /// "+0.031 (+0.012 … +0.05)".
  static func words(_ change: Ablation.Change) -> String {
    "\(signed(change.value)) (\(signed(change.lower)) … \(signed(change.upper)))"
  }

  /// A number with its sign, zero without one.
  static func signed(_ value: Double, _ digits: Int = 2) -> String {
    (value > 0 ? "+" : value < 0 ? "−" : "") + Number.format(abs(value), significant: digits)
  }
}
