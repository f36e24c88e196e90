import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct BlockSimilarityTests {
  private static func pair(
    _ first: Int, _ last: Int, _ cka: Double?, _ branch: Double?
  ) -> Similarity {
    var pair = Similarity(first: first, last: last)
    pair.cka = cka
    pair.branchCKA = branch
    return pair
  }

  private static func similarity(_ pairs: [Similarity], blocks: Int = 3) -> BlockSimilarity? {
    BlockSimilarity(run((0..<blocks).map { residual($0) }, examination([], similarities: pairs)))
  }

  @Test func `neighbours come in network order with both similarities`() throws {
    let similarity = try #require(
      Self.similarity([
        Self.pair(1, 2, 0.7, nil), Self.pair(0, 2, 0.4, 0.1), Self.pair(0, 1, 0.9, 0.2),
        Self.pair(0, 0, 1, 1),
      ]))
    #expect(similarity.neighbours.map(\.first) == [0, 1])
    #expect(similarity.neighbours.map(\.cka) == [0.9, 0.7])
    #expect(similarity.neighbours.map(\.branchCKA) == [0.2, nil])
    let ckaRows: [[Double?]] = [[1, 0.9, 0.4], [nil, nil, 0.7], [nil, nil, nil]]
    #expect(similarity.cka.rows == ckaRows)
    #expect(similarity.cka[2, 0] == 0.4 && similarity.cka[0, 2] == 0.4)
    let branchCKARows: [[Double?]] = [[1, 0.2, 0.1], [nil, nil, nil], [nil, nil, nil]]
    #expect(similarity.branchCKA.rows == branchCKARows)
  }

  @Test func `branches that add the same are duplicates, outputs that agree are none`() throws {
    let similarity = try #require(
      Self.similarity([Self.pair(0, 1, 1, 0.94), Self.pair(1, 2, 0.6, 0.95)]))
    #expect(similarity.duplicates.map(\.first) == [1])
  }

  @Test func `nothing about two blocks is nothing`() {
    #expect(Self.similarity([]) == nil)
    #expect(Self.similarity([Self.pair(0, 0, 1, 1), Self.pair(0, 1, nil, nil)]) == nil)
    #expect(BlockSimilarity(run([residual(0)], nil)) == nil)
  }

  @Test func `pairs of unknown blocks and in the wrong order are left out`() throws {
    #expect(Self.similarity([Self.pair(0, 7, 0.5, 0.5), Self.pair(2, 1, 0.5, 0.5)]) == nil)
    let similarity = try #require(
      Self.similarity([
        Self.pair(0, 7, 0.5, 0.5), Self.pair(2, 1, 0.5, 0.5), Self.pair(1, 2, 0.3, nil),
      ]))
    #expect(similarity.neighbours.count == 1)
    #expect(similarity.cka[0, 7] == nil && similarity.cka[1, 2] == 0.3)
    #expect(similarity.branchCKA.isEmpty)
  }

  @Test func `a matrix holds the blocks of its pairs, and no more than its limit`() {
    let few = BlockMatrix([(9, 4, 1), (2, 7, 0.5), (3, 3, .nan)])
    #expect(few.ordinals == [2, 7] && few.rows == [[nil, 0.5], [nil, nil]])
    let many = BlockMatrix((0..<16_000).map { (0, $0, 0.1) })
    #expect(many.ordinals == Array(0..<BlockMatrix.maximumBlocks))
    #expect(BlockMatrix([]).isEmpty)
  }
}
