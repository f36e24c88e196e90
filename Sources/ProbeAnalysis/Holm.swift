/// Holm's correction of many p-values (many blocks in Verdicts.md).
public enum Holm {
  /// The adjusted p-values, in the order given.
  ///
  /// With the p-values in rising order, adjusted_i = max over j ≤ i of min(1, (m − j)·p_j), j from
  /// 0: rejecting where it is at most α keeps the probability of any false rejection at most α,
  /// however the tests depend on each other. Equal p-values get equal adjusted ones; none stay
  /// none. Complexity: O(m log m).
  ///
  /// Source: Holm 1979.
  public static func adjusted(_ pValues: [Double]) -> [Double] {
    precondition(pValues.allSatisfy { (0...1).contains($0) }, "a p-value lies in 0 to 1")
    var result = pValues
    var greatest = 0.0
    let order = pValues.indices.sorted { pValues[$0] < pValues[$1] }
    for (place, index) in order.enumerated() {
      greatest = max(greatest, min(1, Double(pValues.count - place) * pValues[index]))
      result[index] = greatest
    }
    return result
  }
}
