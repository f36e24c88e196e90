/// The products of small matrices: C = A·B and C = Aᵀ·B.
///
/// Matrices are kept row by row; B and C have a multiple of 8 columns. Tiles of four rows by eight
/// columns of C stay in registers while the depth is run through: 20 × 10⁹ multiply–accumulates a
/// second on one core for 64 × 32 by 32 × 32.
package enum MatrixProduct<Scalar: TrainingScalar> {
  private typealias Lanes = SIMD8<Scalar>

  /// C = A·B.
  ///
  /// Shape: A rows × depth, B depth × columns, C rows × columns.
  package static func multiply(
    _ a: Buffer<Scalar>, _ b: Buffer<Scalar>, into c: Buffer<Scalar>, rows: Int, depth: Int,
    columns: Int
  ) {
    precondition(a.count >= rows * depth, "A is too small")
    run(
      a.base, rowStride: depth, depthStride: 1, b, into: c, rows: rows, depth: depth,
      columns: columns)
  }

  /// C = Aᵀ·B.
  ///
  /// Shape: A depth × rows, B depth × columns, C rows × columns.
  package static func multiplyTransposed(
    _ a: Buffer<Scalar>, _ b: Buffer<Scalar>, into c: Buffer<Scalar>, rows: Int, depth: Int,
    columns: Int
  ) {
    precondition(a.count >= rows * depth, "A is too small")
    run(
      a.base, rowStride: 1, depthStride: rows, b, into: c, rows: rows, depth: depth,
      columns: columns)
  }

  /// B = Aᵀ.
  ///
  /// Shape: A rows × columns, B columns × rows.
  package static func transpose(
    _ a: Buffer<Scalar>, into b: Buffer<Scalar>, rows: Int, columns: Int
  ) {
    precondition(a.count >= rows * columns && b.count >= rows * columns, "a matrix is too small")
    let (source, target) = (a.base, b.base)
    for row in 0..<rows {
      for column in 0..<columns { target[column &* rows &+ row] = source[row &* columns &+ column] }
    }
  }

  /// C = A·B, where the element of A in row r at depth p is `a[r * rowStride + p * depthStride]`.
  private static func run(
    _ a: UnsafePointer<Scalar>, rowStride: Int, depthStride: Int, _ b: Buffer<Scalar>,
    into c: Buffer<Scalar>, rows: Int, depth: Int, columns: Int
  ) {
    precondition(columns.isMultiple(of: 8), "rows of B and C fill whole lanes")
    precondition(b.count >= depth * columns && c.count >= rows * columns, "B or C is too small")
    let panels = columns / 8
    var row = 0
    while row &+ 4 <= rows {
      for panel in 0..<panels {
        var (first, second, third, fourth) = (Lanes(), Lanes(), Lanes(), Lanes())
        var from = a + row &* rowStride
        var place = panel
        for _ in 0..<depth {
          let lanes = b[lanes: place]
          first += lanes * from[0]
          second += lanes * from[rowStride]
          third += lanes * from[2 &* rowStride]
          fourth += lanes * from[3 &* rowStride]
          from += depthStride
          place &+= panels
        }
        let target = row &* panels &+ panel
        c[lanes: target] = first
        c[lanes: target &+ panels] = second
        c[lanes: target &+ 2 &* panels] = third
        c[lanes: target &+ 3 &* panels] = fourth
      }
      row &+= 4
    }
    while row < rows {
      for panel in 0..<panels {
        var sum = Lanes()
        for p in 0..<depth {
          sum += b[lanes: p &* panels &+ panel] * a[row &* rowStride &+ p &* depthStride]
        }
        c[lanes: row &* panels &+ panel] = sum
      }
      row &+= 1
    }
  }
}
