import Foundation
import ProbeCore
import ProbeWire
import Support
import Testing

/// `plan` on a run that was examined, from its journal to the words.
@Suite struct PlanVerbTests {
  /// A journal of a run of two blocks that was examined after step 10: without the second nothing changes,
  /// without the first or both much.
  private func journal(
    samples: Int = 500, names: [String] = ["layer1.0", "layer1.1"]
  ) throws
    -> [UInt8]
  {
    let segment = SegmentIdentity(journal: .random(), segment: 0)
    var bytes = Journal.header(of: segment)
    func append(_ record: ProbeCore.Record) throws {
      bytes += Journal.frame(payload: try RecordCodec.encode(record, in: segment))
    }
    var opened = Golden.opened
    opened.run = .random()
    opened.attempt = .random()
    opened.name = "examined"
    try append(.runOpened(opened))
    try append(
      .blockMap(
        try BlockMap(
          names.enumerated().map { place, name in
            Block(
              ordinal: place, name: name, activation: .relu, shape: [64], parameters: 3000,
              macs: 1000)
          })))
    for step in [0, 10] {
      var frame = Golden.frame(step: step, gap: 0.25)
      frame.blocks[1].nonFinite = 0
      try append(.frame(frame))
    }
    let examination = Examination(
      identity: .random(), step: 11, samples: samples, planned: 3, baseLoss: 0.5, baseError: 0.125)
    func ablation(_ ordinals: [Int], _ change: Double) -> Ablation {
      var ablation = Ablation(
        ordinals: ordinals, wallTime: 1.75e9 + 20,
        lossChanges: Moments(n: samples, mean: change, m2: 0.5)!)
      ablation.loss = .init(value: change, lower: change - 0.001, upper: change + 0.001)
      ablation.halves = .init(even: change, odd: change)
      ablation.error = .init(value: change / 4, lower: change / 8, upper: change / 2)
      return ablation
    }
    for (ordinals, change) in [([0], 0.5), ([1], 0.002), ([0, 1], 0.75)] {
      try append(.ablation(examination, ablation(ordinals, change)))
    }
    for (strategy, ordinals) in [
      (RemovalOrder.Strategy.greedy, [1, 0]), (.deepestFirst, [1, 0]), (.random, [0, 1]),
    ] {
      try append(
        .removalOrder(examination, RemovalOrder(strategy: strategy, ordinals: ordinals)))
    }
    var own = Similarity(first: 0, last: 0)
    own.angularDistance = Moments(n: samples, mean: 0.25, m2: 0.5)!
    own.gapSamples = samples
    own.gapLogs = Moments(n: samples, mean: -1, m2: 0.5)!
    own.cka = 1
    var pair = own
    pair.last = 1
    pair.cka = 0.875
    try append(.similarity(examination, [own, pair]))
    own.first = 1
    own.last = 1
    try append(.similarity(examination, [own]))
    try append(
      .attemptFinished(
        AttemptFinished(status: .completed, finishedAt: 1.75e9, lastStep: 10, droppedFrames: 0)))
    return bytes
  }

  private func examined(_ bytes: [UInt8]) throws -> Command {
    let command = try Command()
    let path = command.home.file("examined.rpj")
    try Data(bytes).write(to: URL(filePath: path))
    #expect(try command("ingest", path).code == 0)
    return command
  }

  /// All keys of a JSON text.
  private func keys(of json: String) throws -> Set<String> {
    var keys: Set<String> = []
    func visit(_ value: Any) {
      if let object = value as? [String: Any] {
        keys.formUnion(object.keys)
        object.values.forEach(visit)
      } else if let list = value as? [Any] {
        list.forEach(visit)
      }
    }
    visit(try JSONSerialization.jsonObject(with: Data(json.utf8)))
    return keys
  }

  /// The words in code spans of articles.
  private func spans(of articles: String...) throws -> Set<String> {
    let texts = try articles.map { article in
      let path = "Sources/resnet-probe/ResnetProbe.docc/\(article).md"
      return try String(contentsOf: Fixtures.root.appending(path: path), encoding: .utf8)
    }
    return Set(
      texts.joined().matches(of: #/`([^`\n]+)`/#)
        .flatMap { $0.1.matches(of: #/\w+/#).map { String($0.0) } })
  }

  @Test func `names the set that an examination confirmed, from the journal on`() throws {
    let command = try examined(try journal())
    let outcome = try command("plan", "--run", "examined")
    #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(
      outcome.output.hasPrefix(
        """
        Run 1 · examined

        Candidates: block 1 of 2 could go for +0.002 (+0.001 … +0.003) of loss, confirmed on 500 samples.
        It takes 50 % of the blocks' multiply–accumulates and 50 % of their parameters.

        """))
    #expect(outcome.output.contains("\n1  layer1.1   "))
    #expect(outcome.output.contains("resnet-probe plan --run 1 --json > plan.json"))
    let report = try command("report").output
    #expect(report.contains("\nCandidates: block 1 of 2 could go for +0.002 (+0.001 … +0.003)"))
    #expect(report.contains("\nAngle of the stream from before one block to after another\n"))
  }

  @Test func `prints what bypass takes, every key of it documented`() throws {
    let command = try examined(try journal(names: ["a \"quoted\" \u{1b}[31m", "b\\c.\u{e9}"]))
    let plan = try command("plan", "--json").output
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(plan.utf8)) as? [String: Any])
    #expect(object["format"] as? String == "resnet-probe.plan/1")
    #expect(object["basis"] as? String == "measured")
    let blocks = try #require(object["blocks"] as? [[String: Any]])
    #expect(blocks.map { $0["name"] as? String } == ["b\\c.\u{e9}"])
    #expect(blocks.map { $0["kind"] as? String } == ["residual"])
    #expect(!plan.contains("\u{1b}"))
    #expect(try keys(of: plan).subtracting(spans(of: "Plan")) == [])
    let report = try command("report", "--json").output
    #expect(try keys(of: report).isSuperset(of: ["participation", "angular_distance", "curves"]))
    #expect(try keys(of: report).subtracting(spans(of: "ReportJSON", "Plan")) == [])
    let all = try command("plan", "--drop", "2", "--json").output
    let dropped = try JSONSerialization.jsonObject(with: Data(all.utf8)) as? [String: Any]
    #expect((dropped?["blocks"] as? [[String: Any]])?.map { $0["ordinal"] as? Int } == [1, 0])
    #expect(dropped?["confirmed"] as? Bool == false)
  }

  @Test func `follows the tolerance and says why nothing is confirmed`() throws {
    let command = try examined(try journal())
    let strict = try command("plan", "--tolerance", "0.001").output
    #expect(strict.contains("\nNo candidates: without block "))
    #expect(
      strict.contains(
        ", the first of the greedy order, the loss may rise by +0.0034 (tolerated are 0.001) on the "
          + "samples that chose nothing.\n"))
    #expect(
      try command("plan", "--tolerance", "2").output.contains("\n3000  1000\n") == false)
    let few = try examined(try journal(samples: 40))
    #expect(
      try few("plan").output.contains(
        "\nNo candidates: no verdict calls a block an identity, and 40 samples bound too little.\n"
      ))
    #expect(try few("plan", "--drop", "1").output.contains("not confirmed: 40 samples bound too"))
    let never = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try never("ingest", journal).code == 0)
    #expect(
      try never("plan").output.contains("the network was never examined (probe.examine).\n"))
  }

  @Test func `wrong use is one line`() throws {
    let command = try examined(try journal())
    for (arguments, code, words) in [
      ("--drop 0", Int32(2), "--drop is 0: a number of blocks is meant, 1 or more"),
      ("--drop -3", 2, "--drop"), ("--drop many", 2, "--drop"),
      ("--tolerance=-1", 2, "--tolerance is -1.0: a rise of the loss is meant, 0 or more"),
      ("--run nobody", 3, "cannot find run nobody"), ("--format csv", 2, "--format"),
    ] {
      let outcome = try command.shell("\"$probe\" plan \(arguments)")
      #expect(outcome.code == code && outcome.output.isEmpty, "\(arguments)")
      #expect(outcome.errors.count { $0 == "\n" } == 1 && outcome.errors.contains(words))
    }
    let beyond = try command("plan", "--drop", "99")
    #expect(beyond.code == 0 && beyond.output.contains("\nAsked for were 99; there are 2.\n"))
  }
}
