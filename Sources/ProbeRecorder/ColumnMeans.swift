package import ProbeCore

/// The means of F over samples, element by element: how much of F is the same for every input.
///
/// Micro-batches pool: the sums run on. Memory is bounded: of a wider sample only every k-th
/// element is followed, with the smallest k that leaves at most `capacity` of them; the fraction is
/// then that of these elements.
package struct ColumnMeans: Sendable {
  private let capacity: Int
  private var stride = 1
  private var width = 0
  private var sums: [Double] = []
  private var squares = 0.0
  private var samples = 0

  /// No samples yet; at most `capacity` elements of each will be followed.
  package init(capacity: Int) { self.capacity = max(1, capacity) }

  /// The fewest samples that say anything.
  package static let minimumSamples = 8

  /// Takes in the F of one finite sample: `branch`, less `subtrahend` where given (F := y − x).
  ///
  /// A sample whose width differs from the first one's is passed over.
  package mutating func add(
    _ branch: UnsafePointer<Float>, minus subtrahend: UnsafePointer<Float>?, width: Int
  ) {
    if samples == 0 {
      self.width = width
      stride = max(1, (width + capacity - 1) / capacity)
      sums = Array(repeating: 0, count: (width + stride - 1) / stride)
    }
    guard width == self.width else { return }
    samples += 1
    if stride == 1, subtrahend == nil {
      addAll(branch)
    } else {
      addSome(branch, minus: subtrahend)
    }
  }

  private mutating func addAll(_ branch: UnsafePointer<Float>) {
    var square = SIMD4<Double>()
    let raw = UnsafeRawPointer(branch)
    let groups = width / 4
    sums.withUnsafeMutableBytes { bytes in
      guard let sums = bytes.baseAddress else { return }
      for group in 0..<groups {
        let values = SIMD4<Double>(
          raw.loadUnaligned(fromByteOffset: group &* 16, as: SIMD4<Float>.self))
        square += values * values
        let place = sums + group &* 32
        let sum = place.loadUnaligned(as: SIMD4<Double>.self) + values
        place.storeBytes(of: sum, as: SIMD4<Double>.self)
      }
    }
    squares += square.sum()
    for place in groups * 4..<width {
      let value = Double(branch[place])
      squares += value * value
      sums[place] += value
    }
  }

  private mutating func addSome(
    _ branch: UnsafePointer<Float>, minus subtrahend: UnsafePointer<Float>?
  ) {
    for place in sums.indices {
      let element = place * stride
      let value = Double(branch[element]) - (subtrahend.map { Double($0[element]) } ?? 0)
      squares += value * value
      sums[place] += value
    }
  }

  /// 1 − Var(F)/E‖F‖² with the unbiased variance; nil below ``minimumSamples`` and where all F = 0.
  package var constantFraction: Fraction? {
    guard samples >= Self.minimumSamples, squares > 0 else { return nil }
    let n = Double(samples)
    let squareOfSum = sums.reduce(0) { $0 + $1 * $1 }
    let variance = max(0, squares - squareOfSum / n) / (n - 1)
    return Fraction(n: samples, value: 1 - variance / (squares / n))
  }
}
