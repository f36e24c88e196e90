/// One trained tensor with its gradient and its momentum.
package final class Parameter<Scalar: TrainingScalar> {
  /// What the optimizer does with it.
  package enum Treatment: Sendable {
    /// Moved, and shrunk by the weight decay: weights.
    case decayed
    /// Moved only: γ, β and biases, which weight decay commonly spares (He et al. 2019, *Bag of
    /// Tricks*, section 3.1).
    case undecayed
    /// Left as it is.
    case frozen
  }

  /// The path in the network: `blocks.3.norm2.gamma`.
  package let name: String
  /// What the optimizer does with it.
  package let treatment: Treatment
  /// θ.
  package let values: Buffer<Scalar>
  /// ∂ℓ/∂θ of the last backward pass, without weight decay.
  package let gradient: Buffer<Scalar>
  /// The momentum v of ``NesterovSGD``.
  let velocity: Buffer<Scalar>

  /// A tensor of zeros.
  package init(name: String, count: Int, treatment: Treatment) {
    self.name = name
    self.treatment = treatment
    values = Buffer(count: count)
    gradient = Buffer(count: count)
    velocity = Buffer(count: count)
  }

  /// Sets every element.
  package func fill(_ value: Scalar) {
    for place in 0..<values.count { values[place] = value }
  }

  /// Values and gradient, to be read.
  var view: ParameterView<Scalar> {
    ParameterView(
      name: name, isTrained: treatment != .frozen, values: values.view, gradient: gradient.view)
  }
}
