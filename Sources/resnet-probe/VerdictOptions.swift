import ArgumentParser
import ProbeCore

/// The settings that a report judges by.
struct VerdictOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A gap below this is near identity, below a fifth of it strict identity.",
      discussion: "Default: 0.05.", valueName: "gap"))
  var epsilon: Double?

  @Option(
    help: ArgumentHelp(
      "The share of the run's last steps that verdicts look at, at least 20 records.",
      discussion: "Default: 0.2.", valueName: "share"))
  var window: Double?

  @Option(
    help: ArgumentHelp(
      "The one-sided confidence of each bound of a window.", discussion: "Default: 0.95.",
      valueName: "share"))
  var confidence: Double?

  @Option(
    help: ArgumentHelp(
      "What removing a block may cost, in the loss's unit.",
      discussion:
        "Default: 2 % of the probe set's loss; at least 0.01 where wrong predictions are counted.",
      valueName: "loss"))
  var tolerance: Double?

  func validate() throws {
    if let epsilon, !(epsilon >= 1e-4 && epsilon < 1) {
      throw ValidationError("--epsilon is \(epsilon): a gap from 0.0001 up to 1 is meant")
    }
    if let window, !(window > 0 && window <= 1) {
      throw ValidationError("--window is \(window): a share of the steps is meant, above 0 up to 1")
    }
    if let confidence, !(confidence >= 0.5 && confidence <= 0.9999) {
      throw ValidationError("--confidence is \(confidence): a share from 0.5 to 0.9999 is meant")
    }
    if let tolerance, !(tolerance >= 0 && tolerance.isFinite) {
      throw ValidationError("--tolerance is \(tolerance): a rise of the loss is meant, 0 or more")
    }
  }

  /// The settings: what was given, else those of Verdicts.md.
  var settings: VerdictSettings {
    var settings = VerdictSettings()
    if let epsilon {
      settings.epsilon = epsilon
      settings.strictEpsilon = epsilon / 5
    }
    if let window { settings.windowShare = window }
    if let confidence { settings.confidence = confidence }
    settings.tolerance = tolerance
    return settings
  }
}
