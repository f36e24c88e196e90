/// Blocks by their numbers in a sentence.
package enum BlockRanges {
  /// "block 3", "blocks 0, 3–5 and 9": the numbers, runs of three or more as ranges, in the order of the
  /// network.
  ///
  /// After ``Words/listedNames`` parts it counts the blocks left.
  package static func words(_ ordinals: some Sequence<Int>) -> String {
    let sorted = Set(ordinals).sorted()
    let runs = runs(sorted)
    var parts = runs.prefix(Words.listedNames).map { run in
      run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)–\(run.upperBound)"
    }
    let rest = runs.dropFirst(Words.listedNames).reduce(0) { $0 + $1.count }
    if rest > 0 {
      parts.append("\(rest) more")
    }
    let last = parts.popLast() ?? "none"
    let list = parts.isEmpty ? last : "\(parts.joined(separator: ", ")) and \(last)"
    return "\(Words.verb(sorted.count, "block", "blocks")) \(list)"
  }

  /// The numbers as runs of neighbours; two neighbours are two runs.
  private static func runs(_ sorted: [Int]) -> [ClosedRange<Int>] {
    var runs: [ClosedRange<Int>] = []
    for ordinal in sorted {
      if let last = runs.last, ordinal > last.upperBound, ordinal - 1 == last.upperBound {
        runs[runs.count - 1] = last.lowerBound...ordinal
      } else {
        runs.append(ordinal...ordinal)
      }
    }
    return runs.flatMap { run in
      run.count == 2 ? [run.lowerBound...run.lowerBound, run.upperBound...run.upperBound] : [run]
    }
  }
}
