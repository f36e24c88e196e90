internal import ProbeCore

/// The statistics of one block's parameters at one step.
///
/// A value that is not finite is left out, as absent.
package struct ParameterStatistics: Sendable, Hashable {
  /// ‖θ‖ over all parameters.
  package var weightNorm: Double?
  /// ‖∂ℓ/∂θ‖ over the parameters with a gradient, unscaled.
  package var gradientNorm: Double?
  /// The root mean square of the gate.
  package var gateRMS: Double?
  /// Σ ⟨θ, ∂ℓ/∂θ⟩ over the parameters of the branch's last map, unscaled.
  package var gateGradient: Double?
  /// ‖Δθ‖/‖θ‖ over fixed elements.
  package var updateRatio: Double?

  /// Nothing measured yet.
  package init() {}

  /// Measures parameters before the optimizer's step; `lossScale` is checked.
  package init(
    _ parameters: [ParameterTensor], gate: FloatBuffer?, lastMap: [ParameterTensor],
    lossScale: Double
  ) {
    if !parameters.isEmpty {
      weightNorm = finite(parameters.reduce(0) { $0 + $1.values.squares }.squareRoot())
    }
    let gradients = parameters.compactMap(\.gradient)
    if !gradients.isEmpty {
      gradientNorm = finite(gradients.reduce(0) { $0 + $1.squares }.squareRoot() / lossScale)
    }
    if let gate, gate.count > 0 {
      gateRMS = finite((gate.squares / Double(gate.count)).squareRoot())
    }
    let products = lastMap.compactMap(\.gateProduct)
    if !products.isEmpty { gateGradient = finite(products.reduce(0, +) / lossScale) }
  }

  /// Writes what was measured into a block's statistics.
  func enter(_ statistics: inout BlockStatistics) {
    statistics.weightNorm = weightNorm
    statistics.gradientNorm = gradientNorm
    statistics.gateRMS = gateRMS
    statistics.gateGradient = gateGradient
    statistics.updateRatio = updateRatio
  }
}

private func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

/// Fixed elements of one block's parameters as they were before an update.
///
/// Every k-th element over all parameters in order, with the smallest k that leaves at most
/// `capacity` of them.
package struct ParameterSnapshot: Sendable {
  private let counts: [Int]
  private let stride: Int
  private var elements: [Float] = []

  /// Copies the fixed elements.
  package init(_ parameters: [FloatBuffer], capacity: Int) {
    counts = parameters.map(\.count)
    stride = max(1, (counts.reduce(0, +) + capacity - 1) / max(1, capacity))
    Self.visit(parameters, stride: stride) { elements.append($0) }
  }

  /// ‖Δθ‖/‖θ‖ of an update; nil where θ = 0 or a value is not finite.
  package func updateRatio(to parameters: [FloatBuffer]) -> Double? {
    var change = 0.0
    var size = 0.0
    var place = 0
    Self.visit(parameters, stride: stride) { value in
      let before = Double(elements[place])
      let delta = Double(value) - before
      change += delta * delta
      size += before * before
      place += 1
    }
    return size > 0 ? finite((change / size).squareRoot()) : nil
  }

  /// Whether these are the same parameters, as far as their counts tell.
  package func matches(_ parameters: [FloatBuffer]) -> Bool { parameters.map(\.count) == counts }

  private static func visit(
    _ parameters: [FloatBuffer], stride: Int, _ body: (Float) -> Void
  ) {
    var next = 0
    for parameter in parameters {
      parameter.withValues { values in
        while next < values.count {
          body(values[next])
          next += stride
        }
        next -= values.count
      }
    }
  }
}
