internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `The JSON form of a report` {
  @Test func `has exactly the documented keys`() throws {
    let json = try JSONValue.parse(JSONRenderer().render(Sample.report()))
    let means = [
      "angular_distance", "block_influence", "branch_gain", "cosine", "output_grad_norm",
      "perpendicular_ratio",
    ]
    let numbers = [
      "absorbed_fraction", "branch_rms", "constant_fraction", "dead_fraction", "gate_gradient",
      "gate_rms", "gradient_norm", "latest_step", "stream_rms", "update_ratio", "weight_norm",
    ]
    let groups = [
      "counts": ["dropped", "micro_batches", "non_finite", "samples", "undefined"],
      "identity_gap": ["lower", "p50", "p90", "upper"],
      "residual_ratio": ["first", "p50", "p90", "relative", "relative_to", "relative_to_step"],
      "taylor_importance": ["group", "mean", "rank", "share"],
    ]
    let statistics =
      numbers + means.flatMap { [$0, $0 + ".mean"] }
      + groups.flatMap { group, keys in [group] + keys.map { "\(group).\($0)" } }
    let block =
      [
        "ablation", "confidence", "confirmation", "evidence", "evidence.constant_fraction",
        "evidence.constant_lower", "evidence.perpendicular_ratio", "evidence.perpendicular_upper",
        "kind", "macs", "missing", "name", "ordinal", "origin", "parameters",
        "shortcut", "since_step", "stage", "statistics", "verdict",
      ] + statistics.map { "statistics." + $0 }
    #expect(json["blocks"]?.paths == block.sorted())
    #expect(
      json["run"]?.paths == [
        "attempts", "blocks", "dropped_frames", "first_step", "frames", "id", "last_seen_at",
        "last_step", "loss", "name", "planned_steps", "project", "ranks", "recorder",
        "recorder_seconds", "rejected_records", "started_at", "status", "uuid", "window",
        "window.first_step", "window.last_step", "window.phase_change", "window.records",
        "window.warm_up_assumed", "window.warm_up_end", "world_size",
      ])
    #expect(
      json["settings"]?.paths == [
        "confidence", "constant_fraction", "epsilon", "minimum_records", "minimum_samples",
        "spread_share", "strict_epsilon", "tolerance", "window_share",
      ])
    guard case .object(let members) = json else { return #expect(Bool(false)) }
    #expect(
      members.keys.sorted() == [
        "blocks", "depth", "examination", "findings", "format", "gradients", "reference", "run",
        "settings", "skill",
      ])
    #expect(json["format"] == .text("resnet-probe.report/1"))
  }

  @Test func `says the same as the terminal`() throws {
    let json = try JSONValue.parse(JSONRenderer().render(Sample.report()))
    let collapsed = json["blocks"]?[3]
    #expect(collapsed?["verdict"] == .text("near_identity"))
    #expect(collapsed?["origin"] == .text("collapsed"))
    #expect(collapsed?["since_step"] == .number(900))
    #expect(collapsed?["missing"] == .null)
    #expect(collapsed?["statistics"]?["taylor_importance"]?["rank"] == .number(6))
    #expect(json["blocks"]?[4]?["missing"]?["kind"] == .text("decided_interval"))
    let grown = json["blocks"]?[6]?["statistics"]?["residual_ratio"]
    #expect(grown?["relative_to"] == .text("after_warm_up"))
    #expect(grown?["relative_to_step"] == .number(100))
  }

  @Test func `writes null for what is not finite`() throws {
    var history = Sample.history()
    history.run.loss = .nan
    history.run.startedAt = -.infinity
    history.blocks[0].latest?.statistics.gradientNorm = .infinity
    history.blocks[0].latest?.statistics.streamRMS = PooledRMS(n: 4, rms: .nan)
    var verdicts = Sample.verdicts()
    verdicts[0].gap = .nan
    verdicts[0].upper = .infinity
    let report = Sample.report(history, verdicts: verdicts)
    let json = try JSONValue.parse(JSONRenderer().render(report))
    #expect(json["run"]?["loss"] == .null)
    #expect(json["run"]?["started_at"] == .null)
    let statistics = json["blocks"]?[0]?["statistics"]
    #expect(statistics?["gradient_norm"] == .null)
    #expect(statistics?["stream_rms"] == .null)
    #expect(statistics?["identity_gap"]?["p50"] == .null)
    #expect(statistics?["identity_gap"]?["upper"] == .null)
    #expect(!TerminalRenderer().render(report).isEmpty)
  }

  @Test func `keeps hostile names exact and its bytes harmless`() throws {
    let report = Sample.report(
      Hostile.names.map { .init(name: $0, from: 0.5, to: 0.5, verdict: .undetermined) })
    let text = JSONRenderer().render(report)
    #expect(Hostile.isHarmless(text))
    let json = try JSONValue.parse(text)
    for (place, name) in Hostile.names.enumerated() {
      #expect(json["blocks"]?[place]?["name"] == .text(name))
    }
  }

  @Test func `holds a run without blocks or records`() throws {
    let json = try JSONValue.parse(
      JSONRenderer().render(
        Sample.report(History(run: Sample.run, steps: [], blocks: []), verdicts: [])))
    #expect(json["blocks"] == .array([]))
    #expect(json["run"]?["window"]?["first_step"] == .null)
  }
}
