/// Linear CKA between several representations of the same rows, streamed over minibatches.
///
/// Each minibatch adds the unbiased HSIC₁ of every pair, weighted by n(n − 3); nothing else of it is kept,
/// so minibatches may be small. Features are centred by their mean over the minibatch first, which changes
/// no HSIC₁ and keeps digits. Source: Song et al. 2012 (HSIC₁), Nguyen, Raghu and Kornblith 2021,
/// equation 2.
package struct MinibatchAlignment {
  /// The rows of a minibatch at most: Gram matrices of 128 × 128.
  package static let rows = 128
  /// The fewest rows that HSIC₁ is defined for.
  static let minimumRows = 4

  /// Σ over minibatches of n(n − 3) · HSIC₁, for representations i ≤ j at i · count + j.
  private var sums: [Double]
  /// What rounding may leave of a self term that is 0.
  private var noise: [Double]
  private let count: Int

  /// Of so many representations, without any row yet.
  init(count: Int) {
    self.count = count
    sums = Array(repeating: 0, count: count * count)
    noise = Array(repeating: 0, count: count)
  }

  /// Takes in the rows of each representation, all of the same samples, by at most ``rows``.
  ///
  /// What is left below four rows is passed over. Complexity: O(rows² · (features + count²)).
  mutating func take(_ representations: [(rows: UnsafeBufferPointer<Float>, width: Int)], n: Int) {
    for start in stride(from: 0, to: n, by: Self.rows) {
      let rows = min(Self.rows, n - start)
      guard rows >= Self.minimumRows else { continue }
      let grams = representations.map { representation in
        Self.gram(
          representation.rows.baseAddress!.advanced(by: start * representation.width), rows: rows,
          width: representation.width)
      }
      for i in 0..<count {
        noise[i] += grams[i].scale * grams[i].scale * 1e-10
        for j in i..<count {
          var sum = 0.0
          for place in grams[i].values.indices {
            sum += grams[i].values[place] * grams[j].values[place]
          }
          sums[i * count + j] += sum
        }
      }
    }
  }

  /// The CKA of two representations; nil where one is the same for all rows, or not finite.
  func alignment(_ first: Int, _ second: Int) -> Double? {
    let (i, j) = (min(first, second), max(first, second))
    let (own, other) = (sums[i * count + i], sums[j * count + j])
    guard own > noise[i], other > noise[j], own.isFinite, other.isFinite else { return nil }
    let value = sums[i * count + j] / (own * other).squareRoot()
    return value.isFinite ? min(max(value, -1), 1) : nil
  }

  /// The U-centred Gram matrix of some rows, 0 on its diagonal, and the size of the Gram matrix itself.
  private static func gram(
    _ rows: UnsafePointer<Float>, rows n: Int, width: Int
  ) -> (values: [Double], scale: Double) {
    var centred = [Double](repeating: 0, count: n * width)
    for column in 0..<width {
      var mean = 0.0
      for row in 0..<n { mean += Double(rows[row * width + column]) }
      mean /= Double(n)
      for row in 0..<n {
        centred[row * width + column] = Double(rows[row * width + column]) - mean
      }
    }
    var values = [Double](repeating: 0, count: n * n)
    var scale = 0.0
    for row in 0..<n {
      for other in row..<n {
        var product = 0.0
        for column in 0..<width {
          product += centred[row * width + column] * centred[other * width + column]
        }
        guard row != other else {
          scale += product
          continue
        }
        values[row * n + other] = product
        values[other * n + row] = product
      }
    }
    let sums = (0..<n).map { row in values[row * n..<(row + 1) * n].reduce(0, +) }
    let total = sums.reduce(0, +) / Double((n - 1) * (n - 2))
    for row in 0..<n {
      for other in 0..<n where other != row {
        values[row * n + other] += total - (sums[row] + sums[other]) / Double(n - 2)
      }
    }
    return (values, scale)
  }
}
