/// The names of a run's blocks in a table.
enum BlockNames {
  /// The parts up to a dot that all names begin with, the dot included; empty where there are none.
  ///
  /// Each name keeps at least its last part. Complexity: O(length of all names).
  static func prefix(_ names: [String]) -> String {
    guard names.count > 1, let first = names.first else { return "" }
    var common = first[...]
    for name in names {
      let shared = zip(common.indices, name.indices).prefix { common[$0] == name[$1] }
      common = common[..<(shared.last.map { common.index(after: $0.0) } ?? common.startIndex)]
    }
    guard let dot = common.lastIndex(of: ".") else { return "" }
    let prefix = String(first[...dot])
    // A name that ends with the dot would have nothing left.
    return names.contains(prefix) ? "" : prefix
  }
}
