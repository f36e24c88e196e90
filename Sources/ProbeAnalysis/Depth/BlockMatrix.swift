/// A number for each pair of blocks, the earlier one by row: what a matrix of blocks is drawn from.
public struct BlockMatrix: Sendable, Hashable {
  /// The blocks of rows and columns, ascending.
  public let ordinals: [Int]
  /// The numbers, row by row, as many columns as rows; nil where there is none, and below the diagonal.
  public let rows: [[Double?]]

  /// A matrix of these blocks; pairs of others and pairs in the wrong order are left out.
  ///
  /// Complexity: O(blocks² + values).
  public init(
    _ ordinals: some Sequence<Int>, _ values: some Sequence<(first: Int, last: Int, value: Double)>
  ) {
    let ordinals = Set(ordinals).sorted()
    let places = Dictionary(uniqueKeysWithValues: zip(ordinals, 0...))
    var rows = [[Double?]](
      repeating: [Double?](repeating: nil, count: ordinals.count), count: ordinals.count)
    for (first, last, value) in values where value.isFinite {
      guard let row = places[first], let column = places[last], row <= column else { continue }
      rows[row][column] = value
    }
    self.ordinals = ordinals
    self.rows = rows
  }

  /// Whether no pair has a number.
  public var isEmpty: Bool { rows.allSatisfy { $0.allSatisfy { $0 == nil } } }

  /// The number of a pair in either order; nil where there is none.
  public subscript(_ a: Int, _ b: Int) -> Double? {
    guard let row = ordinals.firstIndex(of: min(a, b)),
      let column = ordinals.firstIndex(of: max(a, b))
    else { return nil }
    return rows[row][column]
  }
}
