import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct TestMetricTests {
  private func measure(_ key: String, _ value: Double = 0.5) -> TestMetric.Measure? {
    TestMetric(FinalMetric(key: key, value: value, step: 1))?.measure
  }

  @Test func `names say what is measured and of which data`() {
    let known: [(String, TestMetric.Measure)] = [
      ("val_loss", .loss), ("test loss", .loss), ("eval/loss", .loss), ("validLoss", .loss),
      ("validation.nll", .loss), ("dev_ppl", .loss), ("heldout-perplexity", .loss),
      ("test_error", .error), ("val_err", .error), ("val top1 error", .error),
      ("test_accuracy", .accuracy), ("val/acc@1", .accuracy), ("Eval_Acc", .accuracy),
      ("test_top1", .accuracy),
    ]
    for (key, expected) in known { #expect(measure(key) == expected, "\(key)") }
    for key in [
      "loss", "train_loss", "accuracy", "value_loss", "test", "latest_error", "lossval",
      "val_train_loss", "test_learning_rate", "", "\u{1b}[2J", "val_loss_accuracy",
    ] {
      #expect(measure(key) == nil, "\(key)")
    }
  }

  @Test func `what cannot be is no metric`() {
    #expect(measure("val_loss", .nan) == nil)
    #expect(measure("val_loss", .infinity) == nil)
    #expect(measure("val_acc", -0.1) == nil)
    #expect(measure("val_acc", 100.1) == nil)
    #expect(measure("val_loss", 250) == .loss)
  }

  @Test func `badness is the loss or the share of wrong answers`() {
    func badness(_ key: String, _ value: Double) -> Double? {
      TestMetric(FinalMetric(key: key, value: value, step: 1))?.badness
    }
    #expect(badness("val_loss", 0.7) == 0.7)
    #expect(badness("val_error", 7) == 0.07)
    #expect(badness("val_acc", 0.75) == 0.25)
    #expect(badness("val_acc", 75) == 0.25)
    #expect(badness("val_acc", 1) == 0)
  }
}
