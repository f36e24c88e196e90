import ProbeCore

/// A network of a paper, and what its blocks look like.
struct PublishedNetwork: Sendable {
  /// Its name, as in ``PublishedNumber/network``.
  let name: String
  /// The networks whose numbers stand beside it; its own among them.
  let shown: [String]
  /// What an image's side at the first block is in the paper.
  let side: Int
  /// Whether blocks are of this network.
  let matches: @Sendable (Architecture) -> Bool

  /// What is recognised, the more special first.
  static let all: [PublishedNetwork] = imageNet + stochastic + cifar + preActivation + wide + dense

  private static let imageNet: [PublishedNetwork] =
    [
      ("ResNet-18", [2, 2, 2, 2], 3), ("ResNet-34", [3, 4, 6, 3], 3),
      ("ResNet-50", [3, 4, 6, 3], 4), ("ResNet-101", [3, 4, 23, 3], 4),
      ("ResNet-152", [3, 8, 36, 3], 4),
    ].map { name, sizes, projections in
      let isBasic = projections == 3
      let channels = isBasic ? [64, 128, 256, 512] : [256, 512, 1024, 2048]
      return PublishedNetwork(
        name: name,
        shown: isBasic
          ? ["plain-18", "ResNet-18", "plain-34", "ResNet-34"]
          : ["ResNet-50", "ResNet-101", "ResNet-152"],
        side: 56
      ) {
        $0.kind == .residual && $0.sizes == sizes && $0.projections == projections
          && $0.isOf(channels) && $0.hasBlocks(of: isBasic ? 73_984 : 70_400)
      }
    }
    + [
      // Found as modules of two convolutions with and without those that change the shape, or as
      // single convolutions.
      ("plain-18", [[2, 2, 2, 2], [2, 1, 1, 1], [4, 3, 3, 3]]),
      ("plain-34", [[3, 4, 6, 3], [3, 3, 5, 2], [6, 7, 11, 5]]),
    ].map { name, sizes in
      PublishedNetwork(
        name: name, shown: ["plain-18", "ResNet-18", "plain-34", "ResNet-34"], side: 56
      ) {
        $0.kind == .plain && sizes.contains($0.sizes) && $0.channels == [64, 128, 256, 512]
      }
    }

  private static let residual = [
    (20, 3), (32, 5), (44, 7), (56, 9), (110, 18), (1202, 200),
  ]

  private static let cifar: [PublishedNetwork] = residual.map { layers, n in
    PublishedNetwork(
      name: "ResNet-\(layers)", shown: residual.map { "ResNet-\($0.0)" }, side: 32
    ) { $0.isThreeStages(of: n) && $0.projections == 2 && $0.isOf([16, 32, 64]) }
  }

  private static let stochastic: [PublishedNetwork] = [(110, 18), (1202, 200)].map { layers, n in
    PublishedNetwork(
      name: "ResNet-\(layers) with stochastic depth",
      shown: [
        "ResNet-110 without stochastic depth", "ResNet-110 with stochastic depth",
        "ResNet-1202 with stochastic depth",
      ], side: 32
    ) {
      $0.drops && $0.isThreeStages(of: n) && $0.projections == 2 && $0.isOf([16, 32, 64])
    }
  }

  private static let preActivation: [PublishedNetwork] = [(164, 18), (1001, 111)].map { layers, n in
    PublishedNetwork(
      name: "pre-activation ResNet-\(layers)",
      shown: ["pre-activation ResNet-164", "pre-activation ResNet-1001"], side: 32
    ) {
      $0.isThreeStages(of: n) && $0.projections == 3 && !$0.isPostActivation
        && $0.isOf([64, 128, 256])
    }
  }

  private static let wide: [PublishedNetwork] = [(40, 4), (16, 8), (28, 10)].map { layers, k in
    PublishedNetwork(
      name: "WRN-\(layers)-\(k)", shown: ["WRN-40-4", "WRN-16-8", "WRN-28-10"], side: 32
    ) {
      // Without the width nothing tells it from other networks of three stages.
      $0.isThreeStages(of: (layers - 4) / 6) && $0.projections == 3
        && $0.channels == [16 * k, 32 * k, 64 * k]
    }
  }

  private static let dense: [PublishedNetwork] = [(100, 12), (190, 40)].map { layers, k in
    PublishedNetwork(
      name: "DenseNet-BC-\(layers), k = \(k)",
      shown: ["DenseNet-BC-100, k = 12", "DenseNet-BC-190, k = 40"], side: 32
    ) {
      $0.kind == .concat && $0.sizes == [Int](repeating: (layers - 4) / 6, count: 3)
        && $0.growth == k
    }
  }
}

extension Architecture {
  /// Whether the streams have these channels, or it is not known.
  fileprivate func isOf(_ expected: [Int]) -> Bool { channels.map { $0 == expected } ?? true }

  /// Whether the blocks have about so many parameters, or it is not known: ResNeXt and wide networks
  /// have the stages of a ResNet and other blocks.
  fileprivate func hasBlocks(of expected: Int) -> Bool {
    blockParameters.map { abs(Double($0 - expected)) <= 0.005 * Double(expected) } ?? true
  }

  /// Whether it is residual in three stages of n blocks.
  fileprivate func isThreeStages(of n: Int) -> Bool { kind == .residual && sizes == [n, n, n] }
}
