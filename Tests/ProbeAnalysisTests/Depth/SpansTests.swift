import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct SpansTests {
  @Test(arguments: [0.01, 0.2])
  func `a stream that each block rescales has a span gap of (1 + ε)ⁿ − 1`(
    epsilon: Double
  ) throws {
    let streams = ExaminedStreams(samples(8, dimensions: 6), blocks: 5) { _, x in
      x.map { $0 * (1 + epsilon) }
    }
    let history = run(
      (0..<5).map { residual($0) }, examination([], similarities: streams.similarities))
    let stage = try #require(StageSpans.all(of: history).first)
    #expect(stage.spans.count == 15)
    for span in stage.spans {
      let expected = pow(1 + epsilon, Double(span.length)) - 1
      #expect(span.gap.map { agree($0, expected, within: 1e-12) } == true, "\(span)")
      #expect(span.angularDistance.map { $0 < 1e-12 } == true, "\(span)")
    }
  }

  @Test func `spans come by length and first block, and the least of each length is named`() throws
  {
    // The second and the third block turn the stream hardly at all.
    let angles = [0.5, 0.01, 0.02, 0.4]
    let streams = ExaminedStreams(samples(4, dimensions: 2), blocks: 4) {
      ExaminedStreams.turned($1, by: angles[$0])
    }
    let history = run(
      (0..<4).map { residual($0) }, examination([], similarities: streams.similarities.reversed()))
    let stage = try #require(StageSpans.all(of: history).first)
    let spans: [ClosedRange<Int>] = [
      0...0, 1...1, 2...2, 3...3, 0...1, 1...2, 2...3, 0...2, 1...3, 0...3,
    ]
    #expect(stage.spans.map(\.blocks) == spans)
    #expect(stage.least.map(\.blocks) == [1...1, 1...2, 1...3, 0...3])
    #expect(stage.distances.ordinals == [0, 1, 2, 3])
    for (first, row) in stage.distances.rows.enumerated() {
      for (last, distance) in row.enumerated() {
        guard first <= last else {
          #expect(distance == nil)
          continue
        }
        let expected = angles[first...last].reduce(0, +) / .pi
        #expect(distance.map { agree($0, expected, within: 1e-12) } == true)
      }
    }
  }

  @Test func `of equal spans the earliest is the least`() throws {
    let streams = ExaminedStreams([[1, 0]], blocks: 3) { _, x in x }
    let history = run(
      (0..<3).map { residual($0) }, examination([], similarities: streams.similarities))
    #expect(StageSpans.all(of: history).first?.least.map(\.blocks) == [0...0, 0...1, 0...2])
  }

  @Test func `a span knows what removing just its blocks did`() throws {
    let streams = ExaminedStreams([[1, 0]], blocks: 3) { _, x in x }
    let ablations = [removed([0, 1], 0.3), removed([0, 2], 0.5), removed([1], nil)]
    let history = run(
      (0..<3).map { residual($0) }, examination(ablations, similarities: streams.similarities))
    let spans = try #require(StageSpans.all(of: history).first).spans
    #expect(spans.first { $0.blocks == 0...1 }?.ablation == ablations[0])
    #expect(spans.first { $0.blocks == 1...1 }?.ablation == ablations[2])
    #expect(spans.first { $0.blocks == 0...2 }?.ablation == nil, "0 and 2 are no span")
  }

  @Test func `each stage has its own spans, and pairs of unknown blocks have none`() {
    var across = Similarity(first: 1, last: 2)
    across.cka = 0.5
    var hostile = [
      Similarity(first: 1, last: 2), Similarity(first: 0, last: 9), Similarity(first: 1, last: 0),
    ]
    for index in hostile.indices { hostile[index].angularDistance.add(0.1) }
    var own = (0..<4).map { Similarity(first: $0, last: $0) }
    for index in own.indices { own[index].angularDistance.add(0.1) }
    let history = run(
      (0..<4).map { residual($0, stage: $0 / 2) },
      examination([], similarities: own + hostile + [across]))
    let stages = StageSpans.all(of: history)
    #expect(stages.map(\.stage) == [0, 1])
    let spans: [[ClosedRange<Int>]] = [[0...0, 1...1], [2...2, 3...3]]
    #expect(stages.map { $0.spans.map(\.blocks) } == spans)
    #expect(StageSpans.all(of: run([residual(0)], nil)).isEmpty)
  }

  @Test func `a span of zero streams has neither angle nor gap and is no least one`() {
    var zero = Similarity(first: 0, last: 0)
    zero.gapSamples = 3
    let history = run([residual(0)], examination([], similarities: [zero]))
    let stage = StageSpans.all(of: history).first
    #expect(stage?.spans.first?.gap == 0)
    #expect(stage?.spans.first?.angularDistance == nil)
    #expect(stage?.least.isEmpty == true && stage?.distances.isEmpty == true)
  }
}
