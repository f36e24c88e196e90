import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct PublishedReferenceTests {
  /// A residual network as the recorder finds it: a projection's own stream has the shape before it.
  private func residual(
    _ groups: [Int], channels: [Int], side: Int = 32, startsProjected: Bool = false,
    activation: Block.Activation = .relu, parameters: Int? = nil, shapes: Bool = true,
    drop: Double? = nil
  ) -> [Block] {
    var blocks: [Block] = []
    for (group, count) in groups.enumerated() {
      for place in 0..<count {
        let projects = place == 0 && (group > 0 || startsProjected)
        let before = projects ? max(group - 1, 0) : group
        let side = side >> before
        blocks.append(
          Block(
            ordinal: blocks.count, name: "layer\(group + 1).\(place)",
            shortcut: projects ? .projection : .identity, stage: before, activation: activation,
            shape: shapes ? [channels[before], side, side] : [], parameters: parameters,
            dropProbability: drop))
      }
    }
    return blocks
  }

  private func network(_ blocks: [Block]) -> String? { PublishedReference(blocks: blocks).network }

  private let basic = [64, 128, 256, 512]
  private let bottleneck = [256, 512, 1024, 2048]

  @Test func `networks of ImageNet are known by stages, projections and channels`() {
    let known: [(String, [Int], Bool)] = [
      ("ResNet-18", [2, 2, 2, 2], false), ("ResNet-34", [3, 4, 6, 3], false),
      ("ResNet-50", [3, 4, 6, 3], true), ("ResNet-101", [3, 4, 23, 3], true),
      ("ResNet-152", [3, 8, 36, 3], true),
    ]
    for (name, groups, isBottleneck) in known {
      let channels = isBottleneck ? bottleneck : basic
      let blocks = residual(groups, channels: channels, side: 56, startsProjected: isBottleneck)
      let reference = PublishedReference(blocks: blocks)
      #expect(reference.network == name)
      #expect(reference.own.count == 1 && reference.own[0].dataset == .imageNet)
      #expect(reference.basis?.side == 56 && reference.basis?.publishedSide == 56)
      #expect(
        network(
          residual(groups, channels: channels, startsProjected: isBottleneck, shapes: false))
          == name)
      #expect(
        network(residual(groups, channels: channels.map { $0 * 2 }, startsProjected: isBottleneck))
          == nil)
    }
    // Other blocks in the same stages: ResNeXt-50 has 71,168 parameters in the second one.
    let stages = [3, 4, 6, 3]
    func bottlenecks(of parameters: Int) -> [Block] {
      residual(stages, channels: bottleneck, startsProjected: true, parameters: parameters)
    }
    #expect(network(bottlenecks(of: 70_400)) == "ResNet-50")
    #expect(network(bottlenecks(of: 71_168)) == nil)
  }

  @Test func `networks of CIFAR are known by three stages of n`() {
    for (layers, n) in [(20, 3), (32, 5), (44, 7), (56, 9), (110, 18), (1202, 200)] {
      let blocks = residual([n, n, n], channels: [16, 32, 64])
      #expect(network(blocks) == "ResNet-\(layers)")
      #expect(
        network(residual([n, n, n], channels: [16, 32, 64], shapes: false)) == "ResNet-\(layers)")
    }
    // A depth that no table has, other widths, uneven stages.
    #expect(network(residual([16, 16, 16], channels: [16, 32, 64])) == nil)
    #expect(network(residual([9, 9, 9], channels: [32, 64, 128])) == nil)
    #expect(network(residual([9, 9, 8], channels: [16, 32, 64])) == nil)
    #expect(
      network(residual([18, 18, 18], channels: [16, 32, 64], drop: 0.25))
        == "ResNet-110 with stochastic depth")
  }

  @Test func `wide and pre-activation networks are known by their widths`() {
    for (layers, k, n) in [(40, 4, 6), (16, 8, 2), (28, 10, 4)] {
      let channels = [16 * k, 32 * k, 64 * k]
      let blocks = residual(
        [n, n, n], channels: channels, startsProjected: true, activation: .identity)
      #expect(network(blocks) == "WRN-\(layers)-\(k)")
      #expect(
        network(residual([n, n, n], channels: channels, startsProjected: true, shapes: false))
          == nil)
    }
    for (layers, n) in [(164, 18), (1001, 111)] {
      let blocks = residual(
        [n, n, n], channels: [64, 128, 256], startsProjected: true, activation: .identity)
      #expect(network(blocks) == "pre-activation ResNet-\(layers)")
    }
  }

  @Test func `dense networks are known by blocks and growth`() {
    func dense(_ count: Int, growth: Int) -> [Block] {
      (0..<3).flatMap { stage in
        (0..<count).map { place in
          Block(
            ordinal: stage * count + place, name: "dense\(stage).\(place)", kind: .concat,
            shortcut: .none, stage: stage, shape: [24 + growth * place, 32 >> stage, 32 >> stage])
        }
      }
    }
    #expect(network(dense(16, growth: 12)) == "DenseNet-BC-100, k = 12")
    #expect(network(dense(31, growth: 40)) == "DenseNet-BC-190, k = 40")
    #expect(network(dense(16, growth: 24)) == nil)
  }

  @Test func `plain networks are known with and without the blocks that change the shape`() {
    func plain(_ groups: [Int], side: Int = 56) -> [Block] {
      groups.enumerated().flatMap { stage, count in
        (0..<count).map { place in
          Block(
            ordinal: groups[..<stage].reduce(place, +), name: "s\(stage).\(place)", kind: .plain,
            shortcut: .none, stage: stage,
            shape: [basic[stage], side >> stage, side >> stage])
        }
      }
    }
    #expect(network(plain([2, 2, 2, 2])) == "plain-18")
    #expect(network(plain([2, 1, 1, 1])) == "plain-18")
    #expect(network(plain([3, 3, 5, 2])) == "plain-34")
    let other = PublishedReference(blocks: plain([3, 3, 3], side: 32))
    #expect(other.network == nil && other.own.isEmpty)
    #expect(other.numbers.map(\.value) == [94.75, 95.32, 95.49, 95.89])
    #expect(PublishedReference(blocks: plain([3, 3, 3])).numbers.isEmpty)
  }

  @Test func `what papers say of deep networks stands beside deep networks`() {
    let cifar = [16, 32, 64]
    #expect(
      PublishedReference(blocks: residual([9, 9, 9], channels: cifar)).statements == [.unravelled])
    #expect(PublishedReference(blocks: residual([3, 3, 3], channels: cifar)).statements.isEmpty)
    func transformer(_ count: Int) -> [Block] {
      (0..<count).map {
        Block(ordinal: $0, name: "h.\($0)", sampleAxis: .token, shape: [768])
      }
    }
    #expect(
      PublishedReference(blocks: transformer(24)).statements == [.deeperLayers, .sublayers])
    #expect(PublishedReference(blocks: transformer(12)).statements.isEmpty)
    #expect(PublishedReference(blocks: transformer(24)).network == nil)
  }

  @Test func `nothing is known of nothing, of mixed blocks and of absurd shapes`() {
    let absurd = [
      residual([3, 4, 6, 3], channels: bottleneck, startsProjected: true, parameters: .max),
      [], [Block(ordinal: 0, name: "a")],
      [Block(ordinal: 0, name: "a"), Block(ordinal: 1, name: "b", kind: .concat, shortcut: .none)],
      [
        Block(ordinal: 0, name: "a", shape: [0, 0, 0]),
        Block(ordinal: 1, name: "b", shape: [.max, 1]),
      ],
    ]
    for blocks in absurd {
      let reference = PublishedReference(blocks: blocks)
      #expect(reference.network == nil && reference.numbers.isEmpty)
    }
  }

  @Test func `the run's own error stands beside, its losses do not`() {
    let metrics = [
      FinalMetric(key: "val_loss", value: 0.3, step: 9),
      FinalMetric(key: "loss", value: 0.1, step: 9),
      FinalMetric(key: "val_acc", value: 0.93, step: 9),
    ]
    #expect(PublishedReference(blocks: [], metrics: metrics).tests.map(\.metric.key) == ["val_acc"])
  }

  @Test func `every number that is shown is in the table once, and is a percentage`() {
    let names = PublishedNumber.all.map(\.network)
    #expect(Set(names).count == names.count && names.count == 27)
    #expect(PublishedNumber.all.allSatisfy { (0...100).contains($0.value) && !$0.source.isEmpty })
  }
}
