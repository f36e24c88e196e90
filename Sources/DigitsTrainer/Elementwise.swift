/// What is done to each element of a batch on its own; `count` elements from the first on.
enum Elementwise<Scalar: TrainingScalar> {
  /// y = max(h, 0); NaN stays NaN, so that a run that diverged shows.
  ///
  /// `y` may be `h`.
  static func rectify(_ h: Buffer<Scalar>, into y: Buffer<Scalar>, count: Int) {
    precondition(count <= h.count && count <= y.count, "a buffer is too small")
    let (source, target) = (h.base, y.base)
    for place in 0..<count {
      let value = source[place]
      target[place] = value < 0 ? 0 : value
    }
  }

  /// ∂ℓ/∂h = ∂ℓ/∂y where y > 0, else 0.
  ///
  /// `h` may be `y`'s gradient itself.
  static func rectifyBackward(
    _ yGradient: Buffer<Scalar>, output y: Buffer<Scalar>, into hGradient: Buffer<Scalar>,
    count: Int
  ) {
    precondition(
      count <= yGradient.count && count <= y.count && count <= hGradient.count,
      "a buffer is too small")
    let (source, output, target) = (yGradient.base, y.base, hGradient.base)
    for place in 0..<count {
      let value = source[place]
      target[place] = output[place] > 0 ? value : 0
    }
  }

  /// h = x + F.
  static func add(
    _ x: Buffer<Scalar>, _ branch: Buffer<Scalar>, into h: Buffer<Scalar>, count: Int
  ) {
    precondition(
      count <= x.count && count <= branch.count && count <= h.count, "a buffer is too small")
    let (left, right, target) = (x.base, branch.base, h.base)
    for place in 0..<count { target[place] = left[place] + right[place] }
  }
}
