import ProbeCore
import ProbeStore
import Support
import Testing

@Suite struct RunNotesTests {
  @Test func `a metric is what was logged last, ranks together`() throws {
    let test = try TestStore()
    let run = Identity.random()
    let attempt = Identity.random()
    var ranks = (0..<2).map {
      TestJournal(run: run, rank: $0, worldSize: 2, attempt: attempt)
    }
    for rank in 0..<2 {
      let records = [0, 10, 20].map { step in
        ProbeCore.Record.metrics(
          step: step, [Metric(key: "val_loss", value: Double(step + rank))])
      }
      _ = try test.store.append(ranks[rank].batch(records))
    }
    _ = try test.store.append(
      ranks[0].batch([
        .metrics(step: 5, [Metric(key: "early", value: 3), Metric(key: "bad", value: 1)]),
        .metrics(step: 15, [Metric(key: "bad", value: .nan)]),
      ]))
    let notes = try test.store.notes(ofRun: 1)
    #expect(notes.metrics.map(\.key) == ["bad", "early", "val_loss"])
    #expect(notes.metrics[0].value.isNaN)
    #expect(notes.metrics[1] == FinalMetric(key: "early", value: 3, step: 5))
    #expect(notes.metrics[2] == FinalMetric(key: "val_loss", value: 20.5, step: 20))
  }

  @Test func `a later attempt takes the metrics of the earlier one back from its first step on`()
    throws
  {
    let test = try TestStore()
    let run = Identity.random()
    var first = TestJournal(run: run)
    _ = try test.store.append(
      first.batch([0, 50].map { .metrics(step: $0, [Metric(key: "val_acc", value: Double($0))]) }))
    var second = TestJournal(run: run, started: 1.76e9, firstStep: 40)
    _ = try test.store.append(
      second.batch([.metrics(step: 45, [Metric(key: "val_acc", value: 7)])]))
    let notes = try test.store.notes(ofRun: 1)
    #expect(notes.metrics == [FinalMetric(key: "val_acc", value: 7, step: 45)])
  }

  @Test func `the configuration is read as it was sent`() throws {
    let test = try TestStore()
    var journal = TestJournal()
    journal.opened.config = ["lr": "0.1", "we\"ird\u{1b}": "{\"a\": 1}", "empty": ""]
    _ = try test.store.append(journal.batch([]))
    #expect(try test.store.notes(ofRun: 1).config == journal.opened.config)
    #expect(try test.store.notes(ofRun: 9) == RunNotes())
  }
}
