/// How well a network does on a set of samples, in eval mode.
public struct Evaluation: Sendable, Hashable {
  /// The mean loss; may be non-finite.
  ///
  /// Unit: nats.
  public let loss: Double
  /// The share of samples whose digit was named.
  public let accuracy: Double
  /// The number of samples.
  public let samples: Int
}

extension Network<Float> {
  /// Runs all samples through the network with the running statistics of its normalisations.
  ///
  /// Nothing that is trained changes; what the last step left in the blocks is overwritten. There
  /// must be at least one sample.
  public func evaluate(on digits: Digits) -> Evaluation {
    precondition(digits.count > 0, "nothing to evaluate on")
    var (lossSum, correct) = (0.0, 0)
    let places = Array(0..<digits.count)
    for start in stride(from: 0, to: digits.count, by: largestBatch) {
      let batch = places[start..<min(start + largestBatch, digits.count)]
      load(digits, at: batch)
      forward(samples: batch.count, mode: .evaluation)
      let score = score(samples: batch.count)
      lossSum += score.lossSum
      correct += score.correct
    }
    return Evaluation(
      loss: lossSum / Double(digits.count), accuracy: Double(correct) / Double(digits.count),
      samples: digits.count)
  }
}
