/// A number for each pair of blocks, the earlier one by row: what a matrix of blocks is drawn from.
public struct BlockMatrix: Sendable, Hashable {
  /// The blocks of rows and columns: those of which a pair has a number, ascending.
  public let ordinals: [Int]
  /// The numbers, row by row, as many columns as rows; nil where there is none, and below the diagonal.
  public let rows: [[Double?]]

  /// The most blocks that a matrix shows, the first ones: its size grows with their square, and a few
  /// pairs of a store that comes from a stranger may name any number.
  public static let maximumBlocks = 2048

  /// A matrix of finite numbers; pairs in the wrong order are left out.
  ///
  /// Complexity: O(blocks² + values).
  public init(_ values: [(first: Int, last: Int, value: Double)]) {
    let values = values.filter { $0.value.isFinite && $0.first <= $0.last }
    let ordinals = Array(
      Set(values.flatMap { [$0.first, $0.last] }).sorted().prefix(Self.maximumBlocks))
    let places = Dictionary(uniqueKeysWithValues: zip(ordinals, 0...))
    var rows = [[Double?]](
      repeating: [Double?](repeating: nil, count: ordinals.count), count: ordinals.count)
    for (first, last, value) in values {
      guard let row = places[first], let column = places[last] else { continue }
      rows[row][column] = value
    }
    self.ordinals = ordinals
    self.rows = rows
  }

  /// Whether no pair has a number.
  public var isEmpty: Bool { ordinals.isEmpty }

  /// The number of a pair in either order; nil where there is none.
  ///
  /// Complexity: O(blocks).
  public subscript(_ a: Int, _ b: Int) -> Double? {
    guard let row = ordinals.firstIndex(of: min(a, b)),
      let column = ordinals.firstIndex(of: max(a, b))
    else { return nil }
    return rows[row][column]
  }
}
