import Foundation
import ProbeCore
import ProbeRecorder
import Testing

/// One described input of Tests/Support/Oracles/statistics_oracle.py with what NumPy found.
struct OracleCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Edit: Decodable, Sendable {
    var buffer: String
    var sample: Int
    var element: Int
    var bits: UInt32
  }

  struct Expected: Decodable, Sendable {
    struct Spread: Decodable, Sendable {
      var n: Int
      var mean: Double
      var m2: Double
    }
    struct LogSpread: Decodable, Sendable {
      var n: Int
      var logs: Spread?
      var p50: Double
      var p90: Double
      var p99: Double
      var max: Double
    }
    struct Share: Decodable, Sendable {
      var n: Int
      var value: Double
    }

    var samples, microBatches, dropped, undefined, nonFinite: Int
    var identityGap, residualRatio: LogSpread?
    var histogram: [[Int]]
    var cosine, perpendicularRatio, angularDistance, blockInfluence: Spread?
    var streamRms, branchRms, constantFraction, deadFraction, absorbedFraction: Share?
    var outputGradNorm, branchGain, taylorImportance: Spread?
    var taylorSignedMean, taylorScale: Double?
  }

  var name, kind, shortcut, activation: String
  var width, streamWidth, seed: Int
  var microBatches, dropped: [Int]
  var lossScale: Double
  var nonnegative: Bool
  var scales: [String: Double]
  var edits: [Edit]
  var expected: Expected

  var testDescription: String { name }

  /// All cases, read from the fixture.
  static let all: [OracleCase] = {
    var folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    folder.append(path: "Support/Fixtures/statistics_oracle.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode([OracleCase].self, from: Data(contentsOf: folder))
    } catch {
      fatalError("\(folder.path): \(error)")
    }
  }()

  /// The block that the case describes.
  var block: Block {
    Block(
      ordinal: 0, name: name, kind: Block.Kind(rawValue: kind)!,
      shortcut: Block.Shortcut(rawValue: shortcut)!,
      activation: Block.Activation(rawValue: activation)!)
  }

  /// The inputs, one element per micro-batch.
  var tensors: [BlockTensors] {
    var buffers: [String: [Float]] = [:]
    for (number, name) in ["stream", "branch", "shortcut", "gradient", "stream_gradient"]
      .enumerated()
    {
      guard let scale = scales[name] else { continue }
      var generator = UniformFloats(seed: UInt64(seed * 16 + number))
      let width = self.width(of: name)
      var values = (0..<microBatches.reduce(0, +) * width).map { _ in
        let value = generator.next()
        return (name == "stream" && nonnegative ? max(value, 0) : value) * Float(scale)
      }
      for edit in edits where edit.buffer == name {
        let elements = edit.element < 0 ? 0..<width : edit.element..<(edit.element + 1)
        for element in elements {
          values[edit.sample * width + element] = Float(bitPattern: edit.bits)
        }
      }
      buffers[name] = values
    }
    var start = 0
    return zip(microBatches, dropped).map { samples, dropped in
      defer { start += samples }
      func rows(_ name: String) -> [Float]? {
        let width = self.width(of: name)
        return buffers[name].map { Array($0[(start * width)..<((start + samples) * width)]) }
      }
      if kind == "plain" {
        return BlockTensors(
          stream: rows("stream")!, output: rows("branch")!, samples: samples, width: width,
          outputGradient: rows("gradient"), streamGradient: rows("stream_gradient"),
          dropped: dropped, lossScale: lossScale)
      }
      return BlockTensors(
        stream: rows("stream")!, branch: rows("branch")!, samples: samples, width: width,
        streamWidth: streamWidth, shortcut: rows("shortcut"), outputGradient: rows("gradient"),
        streamGradient: rows("stream_gradient"), dropped: dropped, lossScale: lossScale)
    }
  }

  private func width(of buffer: String) -> Int {
    buffer.hasPrefix("stream") ? streamWidth : width
  }
}

/// SplitMix64, the top 24 bits as a float32 in −1 ..< 1; the same as in the oracle.
struct UniformFloats {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> Float {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    return Float(Int(mixed >> 40) - (1 << 23)) / Float(1 << 23)
  }

  mutating func next(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in next() * scale }
  }
}
