/// What a network may be made of: Float to train, Double to check the gradients.
public typealias TrainingScalar = BinaryFloatingPoint & SIMDScalar

/// Numbers in whole lanes of eight, all zero at first, at a place that does not move.
///
/// A matrix is kept row by row, and every row fills whole lanes.
package final class Buffer<Scalar: TrainingScalar> {
  /// Eight numbers that are computed with at once.
  package typealias Lanes = SIMD8<Scalar>

  /// The number of numbers, a multiple of 8.
  package let count: Int
  /// The first number; valid as long as the buffer.
  package let base: UnsafeMutablePointer<Scalar>
  private let raw: UnsafeMutableRawPointer

  /// A buffer of zeros.
  package init(count: Int) {
    precondition(count > 0 && count.isMultiple(of: 8), "a buffer holds whole lanes of eight")
    self.count = count
    raw = .allocate(byteCount: count * MemoryLayout<Scalar>.stride, alignment: 64)
    base = raw.initializeMemory(as: Scalar.self, repeating: 0, count: count)
  }

  deinit { raw.deallocate() }

  /// The number of groups of eight.
  var laneCount: Int { count / 8 }

  /// The numbers 8·`index` to 8·`index` + 7.
  @inline(__always)
  subscript(lanes index: Int) -> Lanes {
    get { raw.load(fromByteOffset: index &* MemoryLayout<Lanes>.stride, as: Lanes.self) }
    set {
      raw.storeBytes(
        of: newValue, toByteOffset: index &* MemoryLayout<Lanes>.stride, as: Lanes.self)
    }
  }

  /// One number.
  package subscript(index: Int) -> Scalar {
    get {
      precondition((0..<count).contains(index), "beyond the buffer's end")
      return base[index]
    }
    set {
      precondition((0..<count).contains(index), "beyond the buffer's end")
      base[index] = newValue
    }
  }

  /// The first numbers, to be read; valid as long as the buffer.
  package func view(_ length: Int) -> UnsafeBufferPointer<Scalar> {
    precondition(length <= count, "beyond the buffer's end")
    return UnsafeBufferPointer(start: base, count: length)
  }

  /// All numbers, to be read; valid as long as the buffer.
  package var view: UnsafeBufferPointer<Scalar> { view(count) }
}
