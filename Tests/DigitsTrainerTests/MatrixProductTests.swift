import DigitsTrainer
import Testing

@Suite struct MatrixProductTests {
  private func filled(_ count: Int, _ generator: inout SplitMix64) -> Buffer<Double> {
    let buffer = Buffer<Double>(count: (count + 7) / 8 * 8)
    for place in 0..<count { buffer[place] = generator.normal() }
    return buffer
  }

  /// Rows that fill no tile of four, and a depth that is no multiple of anything.
  @Test(arguments: [(64, 32, 32), (1, 5, 8), (7, 3, 16), (17, 64, 32), (10, 1, 24)])
  func `products are those of the three plain loops`(rows: Int, depth: Int, columns: Int) {
    var generator = SplitMix64(seed: 1)
    let a = filled(rows * depth, &generator)
    let b = filled(depth * columns, &generator)
    let transposed = Buffer<Double>(count: (rows * depth + 7) / 8 * 8)
    let product = Buffer<Double>(count: rows * columns)
    let other = Buffer<Double>(count: rows * columns)
    MatrixProduct.multiply(a, b, into: product, rows: rows, depth: depth, columns: columns)
    MatrixProduct.transpose(a, into: transposed, rows: rows, columns: depth)
    MatrixProduct.multiplyTransposed(
      transposed, b, into: other, rows: rows, depth: depth, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        var expected = 0.0
        for p in 0..<depth { expected += a[row * depth + p] * b[p * columns + column] }
        #expect(abs(product[row * columns + column] - expected) < 1e-12)
        #expect(other[row * columns + column] == product[row * columns + column])
        #expect(a[row * depth] == transposed[row])
      }
    }
  }
}
