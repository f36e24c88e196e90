import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct IdentityHysteresisTests {
  private let settings = VerdictSettings()
  private let block = Block(ordinal: 0, name: "blocks.0")

  /// The links of a chain over windows of these gaps, from a link on.
  private func chain(
    _ windows: [[Double]], after: BlockWindow? = nil, from number: Int = 0,
    changing: (inout BlockRecord) -> Void = { _ in }
  ) -> [BlockWindow] {
    var last = after
    return windows.enumerated().map { index, gaps in
      let first = (number + index) * 200
      let records = gaps.enumerated().map { place, gap in
        var record = record(first + place * 10, gap: gap)
        changing(&record)
        return record
      }
      let link = IdentityHysteresis.next(
        after: last, of: block, steps: first...(first + 190),
        records: records.map { GapRecord($0) }, settings: settings)
      last = link
      return link
    }
  }

  private func windows(_ gaps: [Double]) -> [[Double]] { gaps.map { wavering($0, count: 20) } }

  @Test func `a block becomes an identity with the third window below epsilon`() {
    let links = chain(windows([0.3, 0.3, 0.02, 0.02, 0.02, 0.02]))
    #expect(links.map(\.isIdentity) == [false, false, false, false, true, true])
    #expect(links.map(\.streak) == [0, 0, 1, 2, 0, 0])
    #expect(links[4].streakStart == 400 && links[4].lastStep == 990)
    #expect(links.allSatisfy { $0.records == 20 && $0.gap != nil })
  }

  @Test func `a block ceases to be one with the third window at or above twice epsilon`() {
    let links = chain(windows([0, 0, 0, 0.3, 0.3, 0.3, 0.3]))
    #expect(links.map(\.isIdentity) == [false, false, true, true, true, false, false])
    #expect(links[2].streakStart == 0 && links[5].streakStart == 600)
  }

  @Test func `two windows and another are no change`() {
    let up = chain(windows([0.02, 0.02, 0.07, 0.02, 0.02, 0.3, 0.02, 0.02]))
    #expect(up.allSatisfy { !$0.isIdentity })
    let down = chain(windows([0.02, 0.02, 0.02, 0.3, 0.3, 0.07, 0.3, 0.3, 0.02, 0.3, 0.3]))
    #expect(down.dropFirst(2).allSatisfy { $0.isIdentity })
  }

  @Test func `a gap that hovers between epsilon and twice epsilon changes nothing, either way`() {
    var random = SplitMix64(seed: 11)
    let hovering = (0..<200).map { _ in
      wavering(Double.random(in: 0.056...0.09, using: &random), count: 20)
    }
    #expect(chain(hovering).allSatisfy { !$0.isIdentity && $0.streak == 0 })
    let after = chain(windows([0.02, 0.02, 0.02])).last
    #expect(chain(hovering, after: after, from: 3).allSatisfy { $0.isIdentity && $0.streak == 0 })
  }

  @Test func `a gap that crosses epsilon again and again becomes an identity at most once`() {
    for seed in 0..<20 {
      var random = SplitMix64(seed: UInt64(seed))
      let wander = random.autoregressive(4_000, time: 100, deviation: 0.15)
      let gaps = wander.map { 0.05 * (1 + $0).magnitude }
      let links = chain((0..<200).map { Array(gaps[($0 * 20)..<($0 * 20 + 20)]) })
      let changes = zip(links, links.dropFirst()).count { $0.isIdentity != $1.isIdentity }
      #expect(changes <= 1, "seed \(seed)")
    }
  }

  @Test func `a chain may be cut anywhere and goes on the same`() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<20 {
      let gaps = (0..<40).map { _ in [0.01, 0.02, 0.07, 0.3].randomElement(using: &random)! }
      // Runs of one level, so that changes come about.
      let all = windows(gaps.flatMap { [Double](repeating: $0, count: 3) })
      let whole = chain(all)
      var parts: [BlockWindow] = []
      while parts.count < all.count {
        let count = Int.random(in: 1...15, using: &random)
        let next = Array(all.dropFirst(parts.count).prefix(count))
        parts += chain(next, after: parts.last, from: parts.count)
      }
      #expect(parts == whole)
    }
  }

  @Test func `a window that decides nothing breaks the row and keeps what is`() {
    let nan = chain(windows([0.02, 0.02, 0.02, 0.02])) { record in
      if record.step == 250 { record.statistics.nonFinite = 1 }
    }
    #expect(nan.map(\.streak) == [1, 0, 1, 2] && nan[1].gap == nil)
    let sparse = chain([[0.02, 0.02], [], wavering(0.02, count: 5)])
    #expect(sparse.map { $0.gap != nil } == [false, false, true])
    let after = chain(windows([0.02, 0.02, 0.02])).last
    #expect(chain([[], []], after: after, from: 3).allSatisfy { $0.isIdentity })
  }

  @Test func `an identity for part of the samples only is none`() {
    let links = chain(windows([0.02, 0.02, 0.02, 0.02])) { record in
      record.statistics.identityGapHistogram.count(30, inSlot: GapHistogram.slot(of: 0.5))
    }
    #expect(links.allSatisfy { !$0.isIdentity && $0.streak == 0 && $0.upper! < 0.05 })
  }
}
