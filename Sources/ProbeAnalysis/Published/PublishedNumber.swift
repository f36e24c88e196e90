/// A number that a paper states of a network.
public struct PublishedNumber: Sendable, Hashable {
  /// The data that it was measured on.
  public enum Dataset: String, Sendable, CaseIterable {
    /// CIFAR-10 with the usual shifts and mirroring.
    case cifar10 = "CIFAR-10"
    /// ILSVRC 2012, the validation images.
    case imageNet = "ImageNet"
  }

  /// What was measured.
  public enum Measure: String, Sendable, CaseIterable {
    /// The share of test images that are named wrongly.
    case testError = "test error"
    /// The share of validation images whose first guess is wrong, over ten crops.
    case topOneError = "top-1 error, 10 crops"
    /// The share of test images that are named rightly.
    case testAccuracy = "test accuracy"
  }

  /// The network's name in the paper.
  public let network: String
  /// The data.
  public let dataset: Dataset
  /// What was measured.
  public let measure: Measure
  /// The number.
  ///
  /// Unit: percent.
  public let value: Double
  /// The paper, and the table where it is known.
  public let source: String
}

/// What a paper found out about networks of a kind.
public struct PublishedStatement: Sendable, Hashable {
  /// One or two sentences.
  public let words: String
  /// The paper.
  public let source: String
}

extension PublishedNumber {
  /// The numbers that are known, in the order of papers.
  public static let all: [PublishedNumber] =
    imageNet("He et al. 2015, Table 2") {
      [("plain-18", 27.94), ("ResNet-18", 27.88), ("plain-34", 28.54), ("ResNet-34", 25.03)]
    }
    + imageNet("He et al. 2015, Table 3") {
      [("ResNet-50", 22.85), ("ResNet-101", 21.75), ("ResNet-152", 21.43)]
    }
    + cifar("He et al. 2015, Table 6") {
      [
        ("ResNet-20", 8.75), ("ResNet-32", 7.51), ("ResNet-44", 7.17), ("ResNet-56", 6.97),
        ("ResNet-110", 6.43), ("ResNet-1202", 7.93),
      ]
    }
    + cifar("Huang et al. 2016") {
      [
        ("ResNet-110 without stochastic depth", 6.41), ("ResNet-110 with stochastic depth", 5.23),
        ("ResNet-1202 with stochastic depth", 4.91),
      ]
    }
    + cifar("He et al. 2016") {
      [("pre-activation ResNet-164", 5.46), ("pre-activation ResNet-1001", 4.92)]
    }
    + cifar("Zagoruyko and Komodakis 2016") {
      [("WRN-40-4", 4.53), ("WRN-16-8", 4.27), ("WRN-28-10", 4.00)]
    }
    + cifar("Huang et al. 2017, Table 2") {
      [("DenseNet-BC-100, k = 12", 4.51), ("DenseNet-BC-190, k = 40", 3.46)]
    }
    + cifar("Hasanpour et al. 2016", .testAccuracy) {
      [("SimpleNet, no augmentation", 94.75), ("SimpleNet, augmented", 95.32)]
    }
    + cifar("Hasanpour et al. 2018", .testAccuracy) {
      [("SimpNet, 5.4 M parameters", 95.49), ("SimpNet, 8.9 M parameters", 95.89)]
    }

  private static func imageNet(
    _ source: String, _ numbers: () -> [(String, Double)]
  ) -> [PublishedNumber] {
    numbers().map { network, value in
      PublishedNumber(
        network: network, dataset: .imageNet, measure: .topOneError, value: value, source: source)
    }
  }

  private static func cifar(
    _ source: String, _ measure: Measure = .testError, _ numbers: () -> [(String, Double)]
  ) -> [PublishedNumber] {
    numbers().map { network, value in
      PublishedNumber(
        network: network, dataset: .cifar10, measure: measure, value: value, source: source)
    }
  }
}

extension PublishedStatement {
  /// Deep residual networks on images: no single block matters much.
  public static let unravelled = PublishedStatement(
    words: "In ResNet-110 removing any one block but those that downsample hardly changes the "
      + "error, and most of the gradient flows along paths of 5 to 17 of its 54 blocks.",
    source: "Veit et al. 2016")
  /// Language models: many of the deeper layers can go at once.
  public static let deeperLayers = PublishedStatement(
    words: "Answers of language models fail abruptly once a share of the layers is dropped: "
      + "45–55 % for Llama-2, 35 % for Mistral-7B, 25 % for Phi-2, 20 % for Qwen.",
    source: "Gromov et al. 2024")
  /// Language models: attention and MLP are blocks of their own.
  public static let sublayers = PublishedStatement(
    words: "In Llama-2-7B the last layer without its attention costs next to nothing (perplexity "
      + "7.60 to 7.65), without its MLP much (12.35): the two are separate blocks.",
    source: "Men et al. 2024 (ShortGPT)")
}
