internal import ProbeAnalysis
internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct ComparisonDocumentTests {
  @Test func `a comparison in JSON has runs, families, alignment and findings`() throws {
    let json = try JSONValue.parse(JSONRenderer().render(Sample.comparison))
    #expect(json["format"] == .text("resnet-probe.compare/1"))
    #expect(json["runs"]?[4] != nil && json["runs"]?[5] == nil && json["findings"]?[2] == nil)
    #expect(json["findings"]?[0]?["kind"] == .text("exploding_at_initialisation"))
    #expect(json["findings"]?[1]?["kind"] == .text("degradation"))
    #expect(json["findings"]?[1]?["runs"]?[1] == .number(2))
    #expect(json["families"]?[0]?["steps"]?[0]?["effect"] == .text("worse"))
    #expect(json["runs"]?[4]?["gradient_at_start"]?["ratio"] == .number(18_000))
    #expect(json["runs"]?[0]?["tests"]?[0]?["measure"] == .text("accuracy"))
    #expect(json["alignment"]?["form"] == .text("depth"))
  }

  @Test func `what is not known is null, and no number is left that JSON cannot hold`() throws {
    let bare = Sample.compared(
      1, "bare", .plain, depth: 0, loss: 0.1,
      configure: { history in
        history.steps = []
        history.run.lastStep = nil
      })
    let json = try JSONValue.parse(JSONRenderer().render(Comparison([bare, bare])))
    let run = json["runs"]?[0]
    for key in [
      "loss", "loss_at_start", "gradient", "gradient_at_start", "gap", "gap_at_start", "ratio",
      "ratio_at_start", "family", "last_step",
    ] {
      #expect(run?[key] == .null, "\(key)")
    }
    #expect(json["alignment"] == .null)
  }
}
