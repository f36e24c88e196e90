/// Stochastic gradient descent with Nesterov's momentum.
///
/// g' = g + λθ where θ decays, else g; v ← μv + g'; θ ← θ − η(g' + μv). Source: Sutskever 2013 in
/// the form that PyTorch uses, in which v is in units of a gradient.
package struct NesterovSGD: Sendable, Hashable {
  /// μ.
  package var momentum: Double
  /// λ: spares γ, β, biases (``Parameter/Treatment``).
  package var weightDecay: Double

  /// An optimizer that has not moved anything yet.
  package init(momentum: Double, weightDecay: Double) {
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  /// Moves a tensor once, against its gradient; a frozen one stays.
  package func update<Scalar: TrainingScalar>(_ parameter: Parameter<Scalar>, rate: Double) {
    let decay: Scalar
    switch parameter.treatment {
    case .decayed: decay = Scalar(weightDecay)
    case .undecayed: decay = 0
    case .frozen: return
    }
    let (momentum, rate) = (Scalar(momentum), Scalar(rate))
    let (values, gradient, velocity) = (
      parameter.values, parameter.gradient, parameter.velocity
    )
    for place in 0..<values.laneCount {
      let pull = gradient[lanes: place] + values[lanes: place] * decay
      let speed = velocity[lanes: place] * momentum + pull
      velocity[lanes: place] = speed
      values[lanes: place] -= (pull + speed * momentum) * rate
    }
  }
}
