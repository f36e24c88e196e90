/// The sums of one sample's gradients.
///
/// g = ∂ℓ/∂h of the loss as it was back-propagated, scaled by the loss scale and averaged over the
/// micro-batch as the user's loss was; whoever reads the sums undoes both.
package struct GradientSums: Sendable, Hashable {
  /// ‖g‖².
  package var square = 0.0
  /// ⟨g, F⟩; for a plain block ⟨g, y − x⟩.
  package var product = 0.0
  /// ‖∂ℓ/∂x − g‖², where ∂ℓ/∂x was given.
  package var through: Double?

  /// Sums of nothing.
  package init() {}

  /// Whether every sum is finite.
  var isFinite: Bool { square.isFinite && product.isFinite && (through ?? 0).isFinite }

  /// ‖g‖² and ⟨g, F⟩ of one sample, where F is a buffer.
  static func of(
    gradient: UnsafePointer<Float>, branch: UnsafePointer<Float>, width: Int
  ) -> GradientSums {
    let quick = reduce(PairedLanes.self, gradient, branch, branch, count: width)
    var sums = GradientSums()
    sums.square = quick.a
    sums.product = quick.c
    guard !held(quick.a, elements: width) || !held(quick.b, elements: width) else { return sums }
    sums.square = 0
    sums.product = 0
    for place in 0..<width {
      let g = Double(gradient[place])
      sums.square += g * g
      sums.product += g * Double(branch[place])
    }
    return sums
  }

  /// ‖g‖² and ⟨g, y − x⟩ of one sample.
  static func of(
    gradient: UnsafePointer<Float>, output: UnsafePointer<Float>, stream: UnsafePointer<Float>,
    width: Int
  ) -> GradientSums {
    let quick = reduce(PairedDifferenceLanes.self, gradient, output, stream, count: width)
    var sums = GradientSums()
    sums.square = quick.a
    sums.product = quick.c
    guard !held(quick.a, elements: width) || !held(quick.b, elements: width) else { return sums }
    sums.square = 0
    sums.product = 0
    for place in 0..<width {
      let g = Double(gradient[place])
      sums.square += g * g
      sums.product += g * (Double(output[place]) - Double(stream[place]))
    }
    return sums
  }

  /// ‖∂ℓ/∂x − g‖² of one sample: what reached x through the branch alone, as ∂ℓ/∂x = g + (∂F/∂x)ᵀg.
  static func through(
    gradient: UnsafePointer<Float>, streamGradient: UnsafePointer<Float>, width: Int
  ) -> Double {
    let quick = reduce(ApartLanes.self, streamGradient, gradient, gradient, count: width).a
    if held(quick, elements: width) { return quick }
    var sum = 0.0
    for place in 0..<width {
      let apart = Double(streamGradient[place]) - Double(gradient[place])
      sum += apart * apart
    }
    return sum
  }
}

/// ‖v‖², exact to about 1e-7 for every finite input.
func squareSum(_ values: UnsafePointer<Float>, count: Int) -> Double {
  let quick = reduce(SquareLanes.self, values, values, values, count: count).a
  if held(quick, elements: count) { return quick }
  var sum = 0.0
  for place in 0..<count { sum += Double(values[place]) * Double(values[place]) }
  return sum
}

/// Whether a float32 accumulator held a sum of this many squares: nothing overflowed or vanished.
func held(_ sum: Double, elements: Int) -> Bool {
  sum.isFinite && sum >= Double(elements) * SampleSums.smallestHeld
}

/// ‖g‖² as a, ‖F‖² as b, ⟨g, F⟩ as c.
private typealias PairedLanes = AddedLanes

/// ‖g‖² as a, ‖y − x‖² as b, ⟨g, y − x⟩ as c.
private struct PairedDifferenceLanes: LaneSums {
  private var a = Lanes()
  private var b = Lanes()
  private var c = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ gradient: Lanes, _ output: Lanes, _ stream: Lanes) {
    let branch = output - stream
    a += gradient * gradient
    b += branch * branch
    c += gradient * branch
  }

  var folded: SampleSums { SampleSums(a: total(a), b: total(b), c: total(c), r: 0, q: 0) }
}

/// ‖u − v‖² as a.
private struct ApartLanes: LaneSums {
  private var a = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ left: Lanes, _ right: Lanes, _: Lanes) {
    let apart = left - right
    a += apart * apart
  }

  var folded: SampleSums { SampleSums(a: total(a), b: 0, c: 0, r: 0, q: 0) }
}
