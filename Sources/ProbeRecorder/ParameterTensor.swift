/// One trained parameter and its gradient, lent to the recorder for one call.
public struct ParameterTensor {
  package var values: FloatBuffer
  package var gradient: FloatBuffer?

  /// A parameter's values and, where there is one, the gradient about to be applied.
  ///
  /// Shape: both alike, flat.
  public init(_ values: [Float], gradient: [Float]? = nil) {
    self.values = .array(values)
    self.gradient = gradient.map(FloatBuffer.array)
  }

  /// The same as pointers that stay valid for the call.
  public init(
    _ values: UnsafeBufferPointer<Float>, gradient: UnsafeBufferPointer<Float>? = nil
  ) {
    self.values = .pointer(values)
    self.gradient = gradient.map(FloatBuffer.pointer)
  }

  /// Whether the gradient, where there is one, has the shape of the values.
  package var isWhole: Bool { gradient.map { $0.count == values.count } ?? true }

  /// ⟨θ, ∂ℓ/∂θ⟩; nil without a gradient.
  var gateProduct: Double? {
    gradient.map { gradient in
      values.withValues { values in
        gradient.withValues { gradient in
          guard let v = values.baseAddress, let g = gradient.baseAddress else { return 0 }
          return GradientSums.of(gradient: g, branch: v, width: values.count).product
        }
      }
    }
  }
}

extension FloatBuffer {
  /// ‖v‖².
  package var squares: Double {
    withValues { values in
      values.baseAddress.map { squareSum($0, count: values.count) } ?? 0
    }
  }
}
