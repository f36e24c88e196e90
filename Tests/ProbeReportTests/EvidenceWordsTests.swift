internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `The words on what a report rests on` {
  private static func text(_ history: History) -> String {
    TerminalRenderer().render(Sample.report(history, verdicts: []))
  }

  @Test func `gradients are told after warm-up only where there was one`() {
    var history = Sample.history()
    #expect(Self.text(history).contains(" at step 0, 1× after warm-up, 1× now.\n"))
    for place in history.blocks.indices {
      history.blocks[place].reference = history.blocks[place].first
    }
    #expect(Self.text(history).contains(" at step 0, 1× now.\n"))
    for place in history.blocks.indices { history.blocks[place].first = nil }
    #expect(Self.text(history).contains(" at the last after warm-up, 1× now.\n"))
  }

  @Test func `sets removed together are told unless the network has changed since`() {
    func text(step: Int) -> String {
      var history = Sample.history()
      var pair = Ablation(ordinals: [0, 1], wallTime: 0, lossChanges: Moments())
      pair.loss = .init(value: 0.031, lower: 0.012, upper: 0.05)
      history.ablations = Ablations(
        Examination(
          identity: Sample.run.uuid, step: step, samples: 64, planned: 1, baseLoss: 0.1), [pair])
      return Self.text(history)
    }
    let words =
      "\nRemoved together, layer1.0, layer1.1: the loss changes by +0.031 (+0.012 … +0.05).\n"
    #expect(text(step: 2001).contains(words))
    #expect(!text(step: 200).contains("Removed together"))
  }
}
