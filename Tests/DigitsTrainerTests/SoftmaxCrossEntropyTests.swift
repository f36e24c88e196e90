import DigitsTrainer
import Foundation
import Testing

@Suite struct SoftmaxCrossEntropyTests {
  private func score(
    _ rows: [[Double]], labels: [UInt8]
  ) -> (SoftmaxCrossEntropy<Double>.Score, Buffer<Double>) {
    let logits = Buffer<Double>(count: rows.count * 16)
    let gradient = Buffer<Double>(count: rows.count * 16)
    for (row, values) in rows.enumerated() {
      for (column, value) in values.enumerated() { logits[row * 16 + column] = value }
    }
    let score = SoftmaxCrossEntropy<Double>.score(
      logits, labels: labels, gradient: gradient, samples: rows.count)
    return (score, gradient)
  }

  @Test func `equal logits lose ln 10 and pull each class by a tenth`() {
    let (score, gradient) = score([Array(repeating: 0, count: 10)], labels: [3])
    #expect(abs(score.lossSum - log(10)) < 1e-14)
    for column in 0..<16 {
      let expected = column == 3 ? -0.9 : column < 10 ? 0.1 : 0
      #expect(abs(gradient[column] - expected) < 1e-15)
    }
  }

  /// e^(ln 3)/(3 + 9) = 1/4 for class 2; the constant 1000 cancels.
  @Test(arguments: [0.0, 1000, -1000])
  func `a logit of ln 3 among zeros has a quarter, whatever is added to all`(shift: Double) {
    var logits = Array(repeating: shift, count: 10)
    logits[2] += log(3)
    let (score, gradient) = score([logits, logits], labels: [2, 5])
    #expect(abs(score.lossSum - (log(4) + log(12))) < 1e-11)
    #expect(score.correct == 1)
    #expect(abs(gradient[2] - (0.25 - 1) / 2) < 1e-12)
    #expect(abs(gradient[16 + 2] - 0.25 / 2) < 1e-12)
    #expect(abs(gradient[16 + 5] - (1.0 / 12 - 1) / 2) < 1e-12)
  }

  @Test func `logits that are not numbers lose NaN and name no digit`() {
    let (score, _) = score([Array(repeating: .nan, count: 10)], labels: [0])
    #expect(score.lossSum.isNaN)
    #expect(score.correct == 0)
  }
}
