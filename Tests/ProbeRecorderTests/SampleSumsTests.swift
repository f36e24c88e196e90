import ProbeCore
import ProbeRecorder
import Testing

@Suite struct SampleSumsTests {
  /// What one batch says of a block.
  private func statistics(
    _ stream: [Float], _ branch: [Float], width: Int, activation: Block.Activation = .identity,
    batches: [Int]? = nil
  ) -> BlockStatistics {
    var accumulator = BlockAccumulator(
      Block(ordinal: 0, name: "b", activation: activation), limits: MemoryLimits(blocks: 1),
      countsAbsorbed: true, seed: 0)
    var start = 0
    for samples in batches ?? [stream.count / width] {
      let part = (start * width)..<((start + samples) * width)
      accumulator.take(
        BlockTensors(
          stream: Array(stream[part]), branch: Array(branch[part]), samples: samples, width: width))
      start += samples
    }
    return accumulator.finished
  }

  private func close(_ left: Double?, _ right: Double?, _ tolerance: Double) -> Bool {
    guard let left, let right else { return false }
    return abs(left - right) <= tolerance * max(abs(left), abs(right))
  }

  @Test(arguments: [1, 7, 8, 9, 1_023, 1_024, 1_025, 4_099])
  func `every width is summed to its last element`(width: Int) {
    var floats = UniformFloats(seed: UInt64(width))
    let found = statistics(floats.next(width * 8), floats.next(width * 8), width: width)
    var again = UniformFloats(seed: UInt64(width))
    let stream = again.next(width * 8)
    let branch = again.next(width * 8)
    let a = stream.reduce(0) { $0 + Double($1) * Double($1) }
    let b = branch.reduce(0) { $0 + Double($1) * Double($1) }
    #expect(close(found.streamRMS?.rms, (a / Double(width * 8)).squareRoot(), 1e-7))
    #expect(close(found.branchRMS?.rms, (b / Double(width * 8)).squareRoot(), 1e-7))
    #expect(found.streamRMS?.n == width * 8)
  }

  @Test(arguments: Block.Activation.allCases)
  func `gap and ratio do not change when stream and branch are scaled alike`(
    activation: Block.Activation
  ) {
    var floats = UniformFloats(seed: 4)
    let stream = floats.next(640)
    let branch = floats.next(640, scale: 0.1)
    let once = statistics(stream, branch, width: 32, activation: activation)
    for scale: Float in [1e-30, 3, 1e25] {
      let scaled = statistics(
        stream.map { $0 * scale }, branch.map { $0 * scale }, width: 32, activation: activation)
      #expect(close(once.identityGap.p50, scaled.identityGap.p50, 1e-6))
      #expect(close(once.residualRatio.p90, scaled.residualRatio.p90, 1e-6))
      #expect(close(once.angularDistance.mean, scaled.angularDistance.mean, 1e-5))
    }
  }

  @Test func `the order of samples does not matter`() {
    var floats = UniformFloats(seed: 5)
    let stream = floats.next(300)
    let branch = floats.next(300, scale: 0.2)
    func reversed(_ values: [Float]) -> [Float] {
      stride(from: 290, through: 0, by: -10).flatMap { Array(values[$0..<($0 + 10)]) }
    }
    let once = statistics(stream, branch, width: 10)
    let other = statistics(reversed(stream), reversed(branch), width: 10)
    #expect(once.identityGap.p50 == other.identityGap.p50)
    #expect(once.identityGap.max == other.identityGap.max)
    #expect(once.identityGapHistogram == other.identityGapHistogram)
    #expect(close(once.cosine.mean, other.cosine.mean, 1e-12))
    #expect(close(once.constantFraction?.value, other.constantFraction?.value, 1e-12))
  }

  @Test func `two micro-batches say what one batch says`() {
    var floats = UniformFloats(seed: 6)
    let stream = floats.next(300)
    let branch = floats.next(300, scale: 0.2)
    var split = statistics(stream, branch, width: 10, batches: [11, 0, 19])
    #expect(split.microBatches == 3)
    split.microBatches = 1
    #expect(split == statistics(stream, branch, width: 10))
  }

  @Test func `a branch that a ReLU undoes is an exact identity, however large`() {
    let stream: [Float] = (0..<320).map { $0 % 2 == 0 ? 1 : 0 }
    let branch: [Float] = (0..<320).map { $0 % 2 == 0 ? 0 : -100 }
    let found = statistics(stream, branch, width: 16, activation: .relu)
    #expect(found.identityGap.max == 0)
    #expect(found.identityGapHistogram.counts == [GapHistogram.Special.zero.rawValue: 20])
    #expect(found.angularDistance.mean == 0 && found.perpendicularRatio.mean == 0)
    #expect(found.residualRatio.p50 == 100)
    #expect(found.deadFraction?.value == 0)
  }

  @Test func `a branch of zero is an identity without a direction`() {
    var floats = UniformFloats(seed: 7)
    let found = statistics(floats.next(160), [Float](repeating: 0, count: 160), width: 16)
    #expect(found.identityGap.n == 10 && found.identityGap.max == 0)
    #expect(found.identityGap.logs.n == 0)
    #expect(found.cosine.n == 0)
    #expect(found.deadFraction == Fraction(n: 10, value: 1))
    #expect(found.constantFraction == nil && found.absorbedFraction == nil)
  }

  @Test(arguments: [1e-6, 3e-3, 0.7]) func `a branch that rescales the stream does not turn it`(
    epsilon: Double
  ) {
    var floats = UniformFloats(seed: 8)
    let stream = floats.next(8_000)
    let factor = Float(epsilon)
    let found = statistics(stream, stream.map { $0 * factor }, width: 100)
    #expect(close(found.identityGap.p50, Double(factor), 1e-6))
    #expect(found.angularDistance.mean < 1e-7 * epsilon)
    #expect(found.perpendicularRatio.mean < 1e-7 * epsilon)
    #expect(close(found.cosine.mean, 1, 1e-6))
  }

  @Test func `an output of zero has no angle`() {
    let found = statistics(
      [Float](repeating: 0.3, count: 80), [Float](repeating: -2, count: 80), width: 8,
      activation: .relu)
    #expect(found.identityGap.p50 == 1)
    #expect(found.angularDistance.n == 0 && found.blockInfluence.n == 0)
    #expect(found.perpendicularRatio.n == 10)
  }

  @Test func `the same branch for every input is constant`() {
    var floats = UniformFloats(seed: 9)
    let one = floats.next(40)
    let found = statistics(floats.next(800), (0..<20).flatMap { _ in one }, width: 40)
    #expect(abs((found.constantFraction?.value ?? 0) - 1) < 1e-12)
    let few = statistics(floats.next(280), (0..<7).flatMap { _ in one }, width: 40)
    #expect(few.constantFraction == nil)
  }

  @Test func `identity by rounding is counted, and the gap still sees the branch`() {
    let found = statistics(
      [Float](repeating: 1, count: 80), [Float](repeating: 1e-9, count: 80), width: 8)
    #expect(found.absorbedFraction == Fraction(n: 80, value: 1))
    #expect(close(found.identityGap.p50, 1e-9, 1e-6))
  }
}
