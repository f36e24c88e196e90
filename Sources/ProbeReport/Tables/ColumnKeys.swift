/// The keys that columns get in objects, where names must differ.
package enum ColumnKeys {
  /// The names in order; one that was there already gets `_2`, `_3` … so that all differ.
  ///
  /// Names that are unique as they are keep theirs: `["a", "a", "a_2"]` gives
  /// `["a", "a_3", "a_2"]`.
  package static func unique(_ names: [String]) -> [String] {
    var taken = Set(names)
    var seen: Set<String> = []
    var next: [String: Int] = [:]
    return names.map { name in
      guard !seen.insert(name).inserted else { return name }
      var number = next[name] ?? 2
      while !taken.insert("\(name)_\(number)").inserted { number += 1 }
      next[name] = number + 1
      return "\(name)_\(number)"
    }
  }
}
