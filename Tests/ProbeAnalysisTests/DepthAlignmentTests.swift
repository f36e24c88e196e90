import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct DepthAlignmentTests {
  private func aligned(_ stages: [[Int]]) -> DepthAlignment? {
    comparison(
      stages.enumerated().map { id, stages in
        ComparedPlan(id: id + 1, stages: stages, gap: { Double($0 + 1) })
      }
    ).alignment
  }

  @Test func `networks with as many blocks in each stage are set block by block`() throws {
    let alignment = try #require(aligned([[2, 3], [2, 3]]))
    #expect(alignment.form == .blocks)
    #expect(alignment.rows.map { $0.cells.map(\.blocks) } == (0..<5).map { [[$0], [$0]] })
    #expect(alignment.rows.map(\.stage) == [0, 0, 1, 1, 1])
    #expect(alignment.rows[1].cells[0].gap.map { abs($0 - 2) < 1e-12 } == true)
    #expect(alignment.rows[1].cells[0].ratio.map { abs($0 - 2.5) < 1e-12 } == true)
  }

  @Test func `networks with as many stages are set stage by stage`() throws {
    let alignment = try #require(aligned([[1, 2], [3, 4]]))
    #expect(alignment.form == .stages)
    #expect(alignment.rows.map(\.stage) == [0, 0, 0, 1, 1, 1, 1])
    #expect(
      alignment.rows.map { $0.cells.map(\.blocks) } == [
        [[], [0]], [[0], [1]], [[], [2]],
        [[], [3]], [[1], [4]], [[], [5]], [[2], [6]],
      ])
    #expect(alignment.rows[1].span == 1.0 / 3...2.0 / 3)
    #expect(alignment.rows[0].cells[0].gap == nil)
  }

  @Test func `others are set by depth, in eight parts at most`() throws {
    let alignment = try #require(aligned([[2], [16], [10, 22]]))
    #expect(alignment.form == .depth)
    #expect(alignment.rows.count == 8 && alignment.rows.allSatisfy { $0.stage == nil })
    #expect(
      alignment.rows.map { $0.cells.map(\.blocks.count) } == [
        [0, 2, 4], [0, 2, 4], [1, 2, 4], [0, 2, 4], [0, 2, 4], [0, 2, 4], [1, 2, 4], [0, 2, 4],
      ])
    // The median of blocks 4 and 5, of gaps 5 and 6.
    #expect(abs(try #require(alignment.rows[2].cells[1].gap) - 5.5) < 1e-12)
  }

  @Test func `a projection is of the stage that it leads into, whatever follows it`() throws {
    let shapes = [[8, 8, 8], [16, 4, 4], [32, 2, 2]]
    func resnet(_ id: Int, _ n: Int) -> ComparedPlan {
      ComparedPlan(
        id: id, stages: [n, n, n], gap: { Double($0 + 1) }, projections: [n, 2 * n],
        shapes: shapes)
    }
    // ResNet-8 has one block a stage: of its last stage nothing is recorded but the way into it.
    let found = comparison([resnet(1, 1), resnet(2, 4)])
    #expect(!found.findings.map(\.kind).contains(.notAlike))
    #expect(found.cohorts.count == 1)
    let alignment = try #require(found.alignment)
    #expect(alignment.form == .stages)
    #expect(Set(alignment.rows.compactMap(\.stage)) == [0, 1, 2])
    #expect(alignment.rows.last?.stage == 2)
    #expect(found.runs[0].blocks.map(\.stage) == [0, 1, 2])
    #expect(found.runs[1].blocks.map(\.stage) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    // Another width is seen where it is known of both: the last of ResNet-8 is not.
    let wide = resnet(3, 4).with { $0.shapes = [[8, 8, 8], [16, 4, 4], [48, 2, 2]] }
    #expect(!comparison([resnet(1, 1), wide]).findings.map(\.kind).contains(.notAlike))
    #expect(comparison([resnet(1, 2), wide]).findings.map(\.kind).contains(.notAlike))
  }

  @Test func `every block is in exactly one part`() throws {
    var generator = SplitMix64(seed: 4)
    for _ in 0..<200 {
      let stages = (0..<3).map { _ in
        (0..<Int.random(in: 1...4, using: &generator)).map { _ in
          Int.random(in: 1...30, using: &generator)
        }
      }
      let alignment = try #require(aligned(stages))
      for (run, counts) in stages.enumerated() {
        #expect(alignment.rows.flatMap { $0.cells[run].blocks } == Array(0..<counts.reduce(0, +)))
      }
    }
  }

  @Test func `a run without blocks has empty cells, and two runs with blocks are needed`() throws {
    #expect(aligned([[2], []]) == nil)
    #expect(aligned([]) == nil)
    let alignment = try #require(aligned([[2], [], [2]]))
    #expect(alignment.form == .blocks)
    #expect(alignment.rows.map { $0.cells.map(\.blocks.count) } == [[1, 0, 1], [1, 0, 1]])
  }
}
