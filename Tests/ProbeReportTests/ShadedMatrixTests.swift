internal import ProbeReport
internal import Testing

@Suite struct `A matrix of shades` {
  private let unit = Shading(low: 0, high: 1)

  /// |row − column| / (size − 1), nothing known of the block in `hole`.
  private func distances(_ size: Int, hole: Int? = nil) -> ShadedMatrix {
    let labels = (0..<size).map(String.init)
    return ShadedMatrix(
      rows: labels, columns: labels,
      values: (0..<size).map { row in
        (0..<size).map { column in
          row == hole || column == hole ? nil : Double(abs(row - column)) / Double(size - 1)
        }
      }, shading: unit)
  }

  @Test func `draws five steps, what is unknown and what lies outside`() {
    let values: [Double?] = [
      0, 0.19, 0.2, 0.39, 0.4, 0.59, 0.6, 0.79, 0.8, 1, -1, 7, nil, .nan, .infinity, -.infinity,
    ]
    #expect(String(values.map(unit.element)) == "  ░░▒▒▓▓██ █··█ ")
    #expect(
      unit.legend.replacing("\u{a0}", with: " ")
        == "blank below 0.2, ░ below 0.4, ▒ below 0.6, ▓ below 0.8, █ up to 1")
  }

  @Test func `tells close steps apart in its legend, and knows a scale of one point`() {
    let close = Shading(low: 0.99, high: 1).legend.replacing("\u{a0}", with: " ")
    #expect(
      close == "blank below 0.992, ░ below 0.994, ▒ below 0.996, ▓ below 0.998, █ up to 1")
    let point = Shading(low: 0, high: 0)
    #expect(String([0.0, 1, -1, nil].map(point.element)) == " █ ·")
    #expect(point.legend == "all 0")
    #expect(Shading(low: -1e308, high: 0).element(-1e307) == "█")
  }

  @Test func `has block numbers along both edges`() throws {
    let drawing = try #require(distances(12, hole: 3).draw(width: 80))
    #expect(
      drawing.lines.joined(separator: "\n") == """
            0 1 2 3 4 5 6 7 8 9 10
         0 │      ··░░▒▒▒▒▓▓▓▓██████│
         1 │      ··░░░░▒▒▒▒▓▓▓▓████│
         2 │      ··  ░░░░▒▒▒▒▓▓▓▓██│
         3 │························│
         4 │░░░░  ··      ░░░░▒▒▒▒▓▓│
         5 │▒▒░░░░··        ░░░░▒▒▒▒│
         6 │▒▒▒▒░░··          ░░░░▒▒│
         7 │▓▓▒▒▒▒··░░          ░░░░│
         8 │▓▓▓▓▒▒··░░░░          ░░│
         9 │██▓▓▓▓··▒▒░░░░          │
        10 │████▓▓··▒▒▒▒░░░░        │
        11 │██████··▓▓▒▒▒▒░░░░      │
        """)
  }

  @Test func `is pooled to the room, and to 32 rows where there is no end of it`() throws {
    let narrow = try #require(distances(12).draw(width: 12))
    #expect(narrow.pooled == 2)
    #expect(
      narrow.lines.joined(separator: "\n") == """
            0 4 8
         0 │  ░▒▓█│
         2 │   ░▒▓│
         4 │░   ░▒│
         6 │▒░   ░│
         8 │▓▒░   │
        10 │█▓▒░  │
        """)
    let long = try #require(distances(200).draw(width: nil))
    #expect(long.pooled == 7)
    #expect(long.lines.count == 30 && long.lines[29].hasPrefix("196 │"))
  }

  @Test(arguments: Array(0...90))
  func `is never wider than its room`(width: Int) {
    for size in [1, 2, 3, 12, 33, 200] {
      guard let drawing = distances(size).draw(width: width) else {
        #expect(width < 8)
        continue
      }
      #expect(drawing.width <= width)
      #expect(drawing.lines.allSatisfy { DisplayWidth.of($0) <= drawing.width })
      let titled = Array(repeating: (title: "stage 0 of three", drawing: drawing), count: 3)
      let lines = ShadedMatrix.Drawing.lines(titled, width: width)
      #expect(lines.allSatisfy { DisplayWidth.of($0) <= width })
      #expect(lines.count { $0.contains("stag") || $0.contains("sta…") } >= (width > 5 ? 1 : 0))
    }
  }

  @Test func `stands beside others where there is room`() throws {
    let (small, large) = try (
      #require(distances(2).draw(width: 80)), #require(distances(3).draw(width: 80))
    )
    let wide = ShadedMatrix.Drawing.lines(
      [(title: "stage 0", drawing: small), (title: "1", drawing: large)], width: 21)
    #expect(
      wide == [
        "stage 0    1", "   0 1        0 1 2", "0 │  ██│   0 │  ▒▒██│", "1 │██  │   1 │▒▒  ▒▒│",
        "           2 │██▒▒  │",
      ])
    let tall = ShadedMatrix.Drawing.lines(
      [(title: "stage 0", drawing: small), (title: "1", drawing: large)], width: 19)
    #expect(tall.count == 10 && tall[5] == "1" && tall[4] == "")
  }

  @Test func `names blocks in ranges`() {
    #expect(BlockRanges.words([3]) == "block 3")
    #expect(BlockRanges.words([4, 3]) == "blocks 3 and 4")
    #expect(BlockRanges.words([9, 1, 2, 3, 5, 1]) == "blocks 1–3, 5 and 9")
    #expect(BlockRanges.words([0, .max]) == "blocks 0 and 9223372036854775807")
    #expect(
      BlockRanges.words(stride(from: 0, to: 40, by: 2))
        == "blocks 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 8 more")
  }
}
