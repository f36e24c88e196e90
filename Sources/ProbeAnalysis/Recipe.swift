import ProbeCore

/// How a run was trained, as far as is known: what has to agree before depth can be what made the
/// difference.
struct Recipe: Sendable, Hashable {
  /// The measured steps with a learning rate.
  let rates: [StepSummary]
  /// The last measured step of a run that came to its end.
  let lastStep: Int?
  /// The steps planned, where known.
  let plannedSteps: Int?
  /// The samples of the first measured step, where they are rows.
  let batch: Int?
  /// The shape of the stream in each stage, nil where it is not known; empty where none is.
  let shapes: [[Int]?]
  /// Whether blocks have a probability to be dropped; nil without blocks.
  let drops: Bool?
  /// The settings that speak of data, width or schedule, and all of the optimizer's own; keys as
  /// ``normalised(_:)``.
  let settings: [String: String]

  /// The settings of a configuration that shape training whatever the depth.
  private static let telling: Set = [
    "lr", "learning_rate", "base_lr", "peak_lr", "max_lr", "min_lr", "gamma", "milestones",
    "batch_size", "batch", "bs", "weight_decay", "wd", "momentum", "betas", "beta1", "beta2",
    "epochs", "max_epochs", "num_epochs", "steps", "max_steps", "num_steps", "optimizer", "optim",
    "opt", "schedule", "scheduler", "lr_schedule", "lr_scheduler", "warmup", "warm_up",
    "warmup_steps", "warm_up_steps", "warmup_epochs", "warm_up_epochs", "dataset", "data",
    "dataset_name", "data_name", "task", "augment", "augmentation", "augmentations", "mixup",
    "cutmix", "label_smoothing", "dropout", "drop_rate", "drop_path", "drop_path_rate", "width",
    "hidden", "hidden_size", "hidden_dim", "d_model", "n_embd", "channels", "base_channels",
    "widen_factor", "growth_rate", "image_size", "img_size", "num_classes", "criterion", "loss",
    "loss_fn", "loss_function", "loss_name", "objective", "grad_clip", "clip",
  ]
  /// What the recorder writes of the optimizer itself stands under this.
  private static let ofOptimizer = "optimizer."

  init(_ history: History, isFinished: Bool, config: [String: String]) {
    rates = history.steps.filter { $0.learningRate?.isFinite == true }
    lastStep = isFinished ? history.steps.last?.step : nil
    plannedSteps = history.run.plannedSteps
    let first = history.blocks.first { $0.first != nil }
    let samples = first?.block.sampleAxis == .row ? first?.first?.samples : nil
    batch = samples.flatMap { $0 > 0 ? $0 : nil }
    shapes = StageMap(history.blocks.map(\.block)).shapes
    drops =
      history.blocks.isEmpty
      ? nil : history.blocks.contains { ($0.block.dropProbability ?? 0) > 0 }
    settings = Dictionary(
      config.map { (Self.normalised($0.key), $0.value) }.filter {
        Self.telling.contains($0.0) || $0.0.hasPrefix(Self.ofOptimizer)
      },
      uniquingKeysWith: { min($0, $1) })
  }

  /// A key without what it is nested in, in small letters: `optim.Learning-Rate` is `learning_rate`.
  ///
  /// What the recorder writes of the optimizer keeps its place, `optimizer.momentum`; but a learning rate
  /// is one wherever it stands.
  static func normalised(_ key: String) -> String {
    let whole = String(key.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 })
    let last = whole.split { $0 == "." || $0 == "/" }.last.map(String.init) ?? ""
    let isOwn = whole.hasPrefix(ofOptimizer) && !last.split(separator: "_").contains("lr")
    return isOwn ? ofOptimizer + last : last
  }
}

/// What two runs differ in beside their depth.
public enum RecipeAspect: Sendable, Hashable {
  /// The learning rate at the same steps, or its greatest value.
  case learningRate
  /// The steps done or planned.
  case length
  /// The samples of a step.
  case batch
  /// The shape of the stream: its width, or the images' size.
  case streams
  /// Whether stochastic depth is used.
  case stochasticDepth
  /// A setting of the configuration.
  case setting(String)
}

extension Recipe {
  /// The most by which learning rates and lengths may differ and still count as the same.
  static let tolerance = 0.01

  /// What tells two runs apart; what is not known of one of them does not.
  func differences(to other: Recipe) -> [RecipeAspect] {
    var found: [RecipeAspect] = []
    if differs(rates, other.rates) { found.append(.learningRate) }
    if differs(lastStep, other.lastStep) || differs(plannedSteps, other.plannedSteps) {
      found.append(.length)
    }
    if let batch, let theirs = other.batch, batch != theirs { found.append(.batch) }
    if differs(shapes, other.shapes) { found.append(.streams) }
    if let drops, let theirs = other.drops, drops != theirs { found.append(.stochasticDepth) }
    for key in settings.keys.sorted() {
      guard let mine = settings[key], let theirs = other.settings[key], mine != theirs else {
        continue
      }
      // "0.1" and "0.10" are one number, "SGD" and "sgd" one optimizer.
      if let a = Double(mine), let b = Double(theirs), a == b { continue }
      if mine.lowercased() == theirs.lowercased() { continue }
      // The user's word for what the optimizer says itself adds nothing.
      let own = Self.ofOptimizer + key
      if settings[own] != nil, other.settings[own] != nil { continue }
      found.append(.setting(key))
    }
    return found
  }

  private func differs(_ a: Int?, _ b: Int?) -> Bool {
    guard let a, let b else { return false }
    return abs(Double(a) - Double(b)) > Self.tolerance * Double(max(a, b))
  }

  /// By the stages of both; what is not known of one does not tell them apart.
  private func differs(_ a: [[Int]?], _ b: [[Int]?]) -> Bool {
    guard !a.isEmpty, !b.isEmpty else { return false }
    return a.count != b.count
      || zip(a, b).contains { mine, theirs in
        mine.flatMap { mine in theirs.map { mine != $0 } } ?? false
      }
  }

  /// At the steps that both measured, else by the greatest.
  private func differs(_ a: [StepSummary], _ b: [StepSummary]) -> Bool {
    guard let peak = a.compactMap(\.learningRate).max(),
      let other = b.compactMap(\.learningRate).max()
    else { return false }
    if abs(peak - other) > Self.tolerance * max(peak, other) { return true }
    return Self.parting(a, b) != nil
  }

  /// The first step at which two courses of the learning rate differ, of those that both measured.
  static func parting(_ a: [StepSummary], _ b: [StepSummary]) -> Int? {
    let rates = (a + b).compactMap(\.learningRate)
    let slack = tolerance * (rates.max() ?? 0)
    var rest = b[...]
    for step in a {
      rest = rest.drop { $0.step < step.step }
      guard let match = rest.first, match.step == step.step else { continue }
      if abs((step.learningRate ?? 0) - (match.learningRate ?? 0)) > slack { return step.step }
    }
    return nil
  }
}
