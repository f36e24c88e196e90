/// What is not known to be the same of runs that nothing tells apart.
public enum RecipeGap: String, Sendable, CaseIterable {
  /// The optimizer, by its class at least.
  case optimizer
  /// What is minimised.
  case lossFunction
  /// What is trained on.
  case data

  /// The settings that speak of it.
  fileprivate var keys: [String] {
    switch self {
    case .optimizer: ["optimizer", "optim", "opt"]
    case .lossFunction: ["criterion", "loss", "loss_fn", "loss_function", "loss_name", "objective"]
    case .data: ["dataset", "data", "dataset_name", "data_name", "task"]
    }
  }
}

extension Recipe {
  /// What one of these runs at least does not say in words that the others have too.
  static func gaps(_ recipes: [Recipe]) -> [RecipeGap] {
    RecipeGap.allCases.filter { gap in
      !gap.keys.contains { key in recipes.allSatisfy { $0.settings[key] != nil } }
    }
  }
}
