import ProbeCore
import ProbeRecorder
import Testing

/// A residual network of the test's own, as small as the article's loop allows.
private struct TinyNetwork {
  struct Layer {
    var x: [Float] = []
    var f: [Float] = []
    var gradient: [Float] = []
    var weights: [Float] = [0.5, 0.25, -0.5]
    var weightGradients: [Float] = [0.1, 0, 0]
  }

  var layers = [Layer(), Layer()]

  /// x → x + w·x, elementwise, against a target of zeros; the gradients are those of the mean square.
  mutating func forwardAndBackward(_ step: Int) -> Double {
    var x: [Float] = (0..<12).map { Float($0 + step + 1) / 8 }
    for place in layers.indices {
      layers[place].x = x
      layers[place].f = x.enumerated().map { layers[place].weights[$0 % 3] * $1 }
      x = zip(x, layers[place].f).map { $0 + $1 }
    }
    for place in layers.indices { layers[place].gradient = x.map { $0 / 2 } }
    return Double(x.reduce(0) { $0 + $1 * $1 }) / 4
  }

  /// The loss of each sample of a probe set, with both layers or without one.
  func losses(_ probeSet: [[Float]], removing removed: Int? = nil) -> [Double] {
    probeSet.map { sample in
      let x = layers.indices.reduce(sample) { x, place in
        place == removed ? x : x.enumerated().map { $1 + layers[place].weights[$0 % 3] * $1 }
      }
      return Double(x.reduce(0) { $0 + $1 * $1 })
    }
  }

  mutating func update() {
    for place in layers.indices { layers[place].weights[0] -= 0.01 }
  }
}

@Suite struct ArticleExample {
  @Test func `the loop of RecordingInSwift records what it says`() throws {
    let temporary = TemporarySpool()
    let spool = temporary.spool()
    let (samples, width, steps) = (4, 3, 3)
    var network = TinyNetwork()
    // RecordingInSwift: begin
    let recorder = try Recorder(
      opening: RunDescription(name: "my run", plannedSteps: steps),
      blocks: BlockMap([
        Block(ordinal: 0, name: "layers.0", shape: [width]),
        Block(ordinal: 1, name: "layers.1", shape: [width]),
      ]), spool: spool)  // by default the spool that `resnet-probe report` reads
    for step in 0..<steps {
      let isMeasured = recorder.begin(step: step)
      let loss = network.forwardAndBackward(step)
      if isMeasured {
        for (ordinal, layer) in network.layers.enumerated() {
          recorder.measure(
            block: ordinal,
            BlockTensors(
              stream: layer.x, branch: layer.f, samples: samples, width: width,
              outputGradient: layer.gradient))  // ∂ℓ/∂(x + F) of the batch's mean loss
          recorder.measure(
            parametersOf: ordinal,
            [ParameterTensor(layer.weights, gradient: layer.weightGradients)])
        }
      }
      network.update()
      recorder.end(loss: loss, learningRate: 0.1)
    }
    recorder.finish(.completed)
    // RecordingInSwift: end
    #expect(recorder.counts.framesWritten == 3 && recorder.counts.misuses == 0)
  }

  @Test func `the ablations of RecordingInSwift are recorded as it says`() throws {
    let temporary = TemporarySpool()
    let (network, steps) = (TinyNetwork(), 3)
    let probeSet: [[Float]] = [[1, 2, 3], [2, 0, 1], [0, 1, 0]]
    let recorder = try Recorder(
      opening: RunDescription(name: "my run"),
      blocks: BlockMap([
        Block(ordinal: 0, name: "layers.0", shape: [3]),
        Block(ordinal: 1, name: "layers.1", shape: [3]),
      ]), spool: temporary.spool())
    // RecordingInSwift ablations: begin
    let base = ProbeSetLosses(losses: network.losses(probeSet))
    let examination = Examination(
      identity: .random(), step: steps, samples: base.losses.count, planned: network.layers.count,
      baseLoss: base.loss)
    for ordinal in network.layers.indices {
      let without = ProbeSetLosses(losses: network.losses(probeSet, removing: ordinal))
      recorder.record(Ablation(removing: [ordinal], from: base, leaving: without), of: examination)
    }
    // RecordingInSwift ablations: end
    recorder.finish(.completed)
    let found = try temporary.records().compactMap { record -> [Int]? in
      if case .ablation(examination, let ablation) = record { ablation.ordinals } else { nil }
    }
    #expect(found == [[0], [1]] && recorder.counts.misuses == 0)
  }
}
