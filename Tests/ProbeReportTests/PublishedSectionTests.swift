internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct PublishedSectionTests {
  private func blocks(_ n: Int, side: Int = 32) -> [Block] {
    (0..<3).flatMap { group in
      (0..<n).map { place in
        let projects = place == 0 && group > 0
        let before = projects ? group - 1 : group
        return Block(
          ordinal: group * n + place, name: "layer\(group).\(place)",
          shortcut: projects ? .projection : .identity, stage: before, activation: .relu,
          shape: [16 << before, side >> before, side >> before])
      }
    }
  }

  private func report(_ blocks: [Block], metrics: [FinalMetric] = []) -> Report {
    var report = Sample.report([])
    report.reference = PublishedReference(blocks: blocks, metrics: metrics)
    return report
  }

  /// What stands below a report.
  private func section(_ report: Report, width: Int? = nil) -> String {
    var bare = report
    bare.reference = nil
    let renderer = TerminalRenderer(width: width)
    return String(renderer.render(report).dropFirst(renderer.render(bare).count))
  }

  @Test func `a known network stands with its numbers and the run's own`() {
    let accuracy = FinalMetric(key: "test_acc", value: 0.9312, step: 900)
    let golden = """

      Published numbers: the blocks are those of ResNet-20 (9 blocks, 2 of them projections, stages of 3,
        3, 3, 16-32-64 channels):
      network      data      measure        %  source
      ───────────  ────────  ──────────  ────  ───────────────────────
      ResNet-20    CIFAR-10  test error  8.75  He et al. 2015, Table 6
      ResNet-32    CIFAR-10  test error  7.51  He et al. 2015, Table 6
      ResNet-44    CIFAR-10  test error  7.17  He et al. 2015, Table 6
      ResNet-56    CIFAR-10  test error  6.97  He et al. 2015, Table 6
      ResNet-110   CIFAR-10  test error  6.43  He et al. 2015, Table 6
      ResNet-1202  CIFAR-10  test error  7.93  He et al. 2015, Table 6
      They compare only if this run is CIFAR-10, trained and tested as in the paper; what it was trained
        on is not known here.
      This run logged test_acc 0.931 at step 900: 6.88 % wrong.

      """
    #expect(section(report(blocks(3), metrics: [accuracy]), width: 100) == golden)
  }

  @Test func `an unknown network is one line`() {
    #expect(
      section(report([])) == """

        Published numbers: none is known of a network with these blocks.

        """)
    #expect(section(report(blocks(4))).split(separator: "\n").count == 1)
  }

  @Test func `images of another size are said to be so`() {
    #expect(
      section(report(blocks(3, side: 64))).contains(
        "\nImages have a side of 64 at the first block here and 32 there: this is other data, or another stem.\n"
      ))
    #expect(!section(report(blocks(3))).contains("side of"))
  }

  @Test(arguments: [20, 40, 80, 120])
  func `no line is wider than the terminal, and hostile names are printable`(width: Int) {
    let hostile = FinalMetric(key: "val_acc\u{1b}[2J", value: 0.5, step: 1)
    let text = section(report(blocks(9), metrics: [hostile]), width: width)
    for line in text.split(separator: "\n") { #expect(DisplayWidth.of(line) <= width, "\(line)") }
    #expect(!text.contains("\u{1b}"))
  }

  @Test func `JSON has the same under reference, and null where it was not asked for`() throws {
    let json = try JSONValue.parse(JSONRenderer().render(report(blocks(9))))["reference"]
    #expect(json?["network"] == .text("ResNet-56"))
    #expect(json?["numbers"]?[3]?["percent"] == .number(6.97))
    #expect(json?["statements"]?[0]?["source"] == .text("Veit et al. 2016"))
    #expect(try JSONValue.parse(JSONRenderer().render(Sample.report([])))["reference"] == .null)
  }
}
