import ProbeCore
import ProbeRecorder
import Testing

@Suite struct SimilarityAccumulatorTests {
  private static let width = 6

  private static func values(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 23) - 1
    }
  }

  private static func map(_ blocks: Int, kind: Block.Kind = .residual) -> BlockMap {
    try! BlockMap(
      (0..<blocks).map {
        Block(
          ordinal: $0, name: "b\($0)", kind: kind, shortcut: kind == .plain ? .none : .identity,
          shape: [width])
      })
  }

  @Test func `F = εx in every block has angle 0 and a span gap of (1 + ε)ⁿ − 1`() throws {
    let epsilon: Float = 0.125  // exact in float32
    var accumulator = SimilarityAccumulator(Self.map(4))
    var stream = Self.values(30 * Self.width, seed: 1)
    accumulator.take(
      (0..<4).map { _ in
        let branch = stream.map { epsilon * $0 }
        defer { stream = zip(stream, branch).map { $0 + $1 } }
        return BlockTensors(stream: stream, branch: branch, samples: 30, width: Self.width)
      })
    for pair in accumulator.finished.joined() {
      let gap = Double.pow(1.125, pair.blocks.count) - 1
      #expect(abs(try #require(pair.spanGap) - gap) < 1e-6 * gap)
      #expect(pair.angularDistance.mean < 1e-6 && pair.angularDistance.n == 30)
      #expect(abs(try #require(pair.cka) - 1) < 1e-9)
      #expect(abs(try #require(pair.branchCKA) - 1) < 1e-9)
    }
  }

  @Test func `a quarter turn has CKA 1 and half the greatest angle`() throws {
    let stream = Self.values(40 * Self.width, seed: 2)
    let turned = stride(from: 0, to: stream.count, by: 2).flatMap { [-stream[$0 + 1], stream[$0]] }
    var accumulator = SimilarityAccumulator(Self.map(2, kind: .plain))
    accumulator.take([
      BlockTensors(stream: stream, output: stream, samples: 40, width: Self.width),
      BlockTensors(stream: stream, output: turned, samples: 40, width: Self.width),
    ])
    let rows = accumulator.finished
    #expect(abs(try #require(rows[0][1].cka) - 1) < 1e-9)
    #expect(abs(rows[0][1].angularDistance.mean - 0.5) < 1e-6)
    #expect(rows[0][0].spanGap == 0 && rows[0][0].branchCKA == nil)
  }

  @Test func `CKA is that of the textbook's HSIC₁ over the minibatches`() throws {
    let samples = 300
    let first = Self.values(samples * Self.width, seed: 3)
    let other = Self.values(samples * Self.width, seed: 4)
    let mixed = zip(first, other).map { $0 + 0.7 * $1 + 5 }
    var accumulator = SimilarityAccumulator(Self.map(2, kind: .plain))
    accumulator.take([
      BlockTensors(stream: first, output: first, samples: samples, width: Self.width),
      BlockTensors(stream: first, output: mixed, samples: samples, width: Self.width),
    ])
    var sums = (0.0, 0.0, 0.0)
    for start in stride(from: 0, to: samples, by: MinibatchAlignment.rows) {
      let n = min(MinibatchAlignment.rows, samples - start)
      func part(_ values: [Float]) -> [Float] {
        Array(values[start * Self.width..<(start + n) * Self.width])
      }
      let weight = Double(n * (n - 3))
      sums.0 += weight * Self.hsic(part(first), part(mixed), n)
      sums.1 += weight * Self.hsic(part(first), part(first), n)
      sums.2 += weight * Self.hsic(part(mixed), part(mixed), n)
    }
    let expected = sums.0 / (sums.1 * sums.2).squareRoot()
    #expect(abs(try #require(accumulator.finished[0][1].cka) - expected) < 1e-9)
  }

  /// HSIC₁ as its authors, Song and others (2012, equation 5), write it.
  private static func hsic(_ first: [Float], _ other: [Float], _ n: Int) -> Double {
    func gram(_ values: [Float]) -> [[Double]] {
      (0..<n).map { row in
        (0..<n).map { column in
          guard row != column else { return 0 }
          return (0..<width).reduce(0.0) {
            $0 + Double(values[row * width + $1]) * Double(values[column * width + $1])
          }
        }
      }
    }
    let (k, l) = (gram(first), gram(other))
    var trace = 0.0
    for i in 0..<n { for j in 0..<n { trace += k[i][j] * l[j][i] } }
    let (rowsK, rowsL) = (k.map { $0.reduce(0, +) }, l.map { $0.reduce(0, +) })
    let size = Double(n)
    let product = rowsK.reduce(0, +) * rowsL.reduce(0, +) / ((size - 1) * (size - 2))
    let cross = 2 / (size - 2) * zip(rowsK, rowsL).map { $0 * $1 }.reduce(0, +)
    return (trace + product - cross) / (size * (size - 3))
  }

  @Test func `below four rows there is no CKA, and spans are told all the same`() {
    var accumulator = SimilarityAccumulator(Self.map(1))
    let values = Self.values(3 * Self.width, seed: 5)
    accumulator.take([
      BlockTensors(stream: values, branch: values, samples: 3, width: Self.width)
    ])
    let pair = accumulator.finished[0][0]
    #expect(pair.cka == nil && pair.branchCKA == nil && abs((pair.spanGap ?? 0) - 1) < 1e-6)
  }

  @Test func `spans end at a stage and hold no projection`() throws {
    let map = try BlockMap([
      Block(ordinal: 0, name: "a", stage: 0, shape: [6]),
      Block(ordinal: 1, name: "b", shortcut: .projection, stage: 0, shape: [6]),
      Block(ordinal: 2, name: "c", stage: 1, shape: [6]),
    ])
    var accumulator = SimilarityAccumulator(map)
    let values = Self.values(20 * Self.width, seed: 6)
    let tensors = BlockTensors(stream: values, branch: values, samples: 20, width: Self.width)
    let projected = BlockTensors(
      stream: values, branch: values, samples: 20, width: Self.width, shortcut: values)
    accumulator.take([tensors, projected, tensors])
    let spans = accumulator.finished.joined().filter(\.isSpan).map(\.blocks)
    #expect(spans == [0...0, 2...2])
  }

  @Test func `samples that are zero or not finite enter no span`() {
    var accumulator = SimilarityAccumulator(Self.map(1))
    var values = Self.values(5 * Self.width, seed: 7)
    for place in 0..<Self.width { values[place] = 0 }
    values[Self.width] = .nan
    accumulator.take([
      BlockTensors(stream: values, branch: values, samples: 5, width: Self.width)
    ])
    let pair = accumulator.finished[0][0]
    #expect(pair.angularDistance.n == 3 && pair.gapSamples == 3 && pair.cka == nil)
  }
}

extension Double {
  fileprivate static func pow(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { value, _ in value * base }
  }
}
