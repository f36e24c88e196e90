import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct TortuosityTests {
  private static func tortuosity(
    _ angles: [Double], _ blocks: [Block]? = nil, missing: ClosedRange<Int>? = nil
  ) -> [Tortuosity] {
    let streams = ExaminedStreams(samples(6, dimensions: 2), blocks: angles.count) {
      ExaminedStreams.turned($1, by: angles[$0])
    }
    return Tortuosity.all(
      of: run(
        blocks ?? angles.indices.map { residual($0) },
        examination([], similarities: streams.similarities.filter { $0.blocks != missing })))
  }

  @Test func `a way that turns evenly is straight`() {
    let straight = Self.tortuosity([Double](repeating: 0.1, count: 8))
    #expect(straight.map(\.blocks) == [0...7])
    #expect(straight[0].value.map { agree($0, 1, within: 1e-12) } == true)
    #expect(agree(straight[0].way, 0.8 / .pi, within: 1e-12))
  }

  @Test func `a way that turns back is as much longer as it turns back`() {
    // Three turns on and one back.
    let bent = Self.tortuosity([0.1, 0.1, -0.1, 0.1])
    #expect(bent[0].value.map { agree($0, 2, within: 1e-9) } == true)
  }

  @Test func `a way that ends where it began has no tortuosity`() {
    let streams = [
      Similarity(first: 0, last: 0), .init(first: 1, last: 1), .init(first: 0, last: 1),
    ]
    var turned = streams
    for (index, angle) in [0.1, 0.1, 0].enumerated() { turned[index].angularDistance.add(angle) }
    let all = Tortuosity.all(
      of: run([residual(0), residual(1)], examination([], similarities: turned)))
    #expect(all.count == 1 && all[0].value == nil && all[0].way == 0.2)
  }

  @Test
  func `a stream that is only rescaled has no tortuosity, whatever rounding makes of its angles`() {
    let streams = ExaminedStreams(samples(6, dimensions: 5), blocks: 6) { _, x in
      x.map { $0 * 1.03 }
    }
    let all = Tortuosity.all(
      of: run((0..<6).map { residual($0) }, examination([], similarities: streams.similarities)))
    #expect(all.map(\.blocks) == [0...5])
    #expect(all[0].value == nil)
  }

  @Test func `a projection and a dense block end a stretch, and one block is none`() {
    var blocks = (0..<7).map { residual($0, stage: $0 < 4 ? 0 : 1) }
    blocks[3].shortcut = .projection
    blocks[5].kind = .concat
    let all = Self.tortuosity([Double](repeating: 0.1, count: 7), blocks)
    #expect(all.map(\.blocks) == [0...2])
    #expect(all.map(\.stage) == [0])
  }

  @Test func `two stages have a tortuosity each`() {
    let blocks = (0..<5).map { residual($0, stage: $0 < 3 ? 0 : 1) }
    let all = Self.tortuosity([0.1, -0.05, 0.1, 0.2, 0.2], blocks)
    #expect(all.map(\.blocks) == [0...2, 3...4])
    #expect(all[0].value.map { agree($0, 0.25 / 0.15, within: 1e-9) } == true)
    #expect(all[1].value.map { agree($0, 1, within: 1e-9) } == true)
  }

  @Test(arguments: [1...1, 0...2]) func `a stretch with a part that was not measured is left out`(
    missing: ClosedRange<Int>
  ) {
    #expect(Self.tortuosity([0.1, 0.1, 0.1], missing: missing).isEmpty)
    #expect(Tortuosity.all(of: run([residual(0)], nil)).isEmpty)
  }
}
