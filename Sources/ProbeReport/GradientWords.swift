internal import ProbeAnalysis

/// How gradients change over depth, in a sentence (Health.md).
enum GradientWords {
  /// One sentence; nil where no moment has a ratio.
  static func sentence(_ gradients: GradientProfile) -> String? {
    // Without warm-up both are the run's first record.
    let isSame = gradients.afterWarmUp?.step == gradients.start?.step
    let moments: [(GradientProfile.Moment?, String)] = [
      (gradients.start, "at step 0"),
      (isSame ? nil : gradients.afterWarmUp, "after warm-up"),
      (gradients.now, "now"),
    ]
    var parts = moments.compactMap { moment, when in
      moment?.ratio.map { "\(times($0))× \(when)" }
    }
    guard !parts.isEmpty else { return nil }
    // "23× that at the last at step 0": the first number says what it is a multiple of.
    parts[0] = parts[0].replacing("×", with: "× that at the last", maxReplacements: 1)
    return "Gradients: ‖∂h‖ at the first block is \(parts.joined(separator: ", "))."
  }

  /// A ratio of two significant digits, great ones too: "56000", "0.064", "6.7e-11".
  static func times(_ ratio: Double) -> String {
    var (scale, rest) = (1.0, ratio)
    while rest >= 100, rest.isFinite {
      rest /= 10
      scale *= 10
    }
    return Number.format(scale > 1 ? rest.rounded() * scale : ratio, significant: 2)
  }
}
