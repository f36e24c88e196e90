internal import Glibc

/// The loss of a batch of logits: the cross-entropy of their softmax, in nats.
package enum SoftmaxCrossEntropy<Scalar: TrainingScalar> {
  /// The columns of a matrix of logits: ten classes, and six that stay zero to fill whole lanes.
  package static var columns: Int { 16 }

  /// What a batch came to.
  package struct Score: Sendable {
    /// The sum of the samples' losses.
    ///
    /// Unit: nats.
    package var lossSum = 0.0
    /// The samples whose greatest logit is their label's; a NaN is never greatest.
    package var correct = 0
    /// Each sample's loss, in the order of rows.
    ///
    /// Unit: nats.
    package var losses: [Double] = []
    /// Whether each sample's greatest logit is its label's.
    package var isCorrect: [Bool] = []
  }

  /// Scores the logits, and writes ∂ℓ/∂logits = (softmax − one-hot)/samples of the mean loss ℓ.
  ///
  /// Shape: logits and gradient samples × 16, labels samples. Computed in Double, the greatest
  /// logit taken off first.
  package static func score(
    _ logits: Buffer<Scalar>, labels: [UInt8], gradient: Buffer<Scalar>, samples: Int
  ) -> Score {
    var score = Score()
    let classes = Digits.classCount
    withUnsafeTemporaryAllocation(of: Double.self, capacity: classes) { powers in
      for row in 0..<samples {
        let label = Int(labels[row])
        var (greatest, winner) = (-Double.infinity, -1)
        for c in 0..<classes where Double(logits[row * columns + c]) > greatest {
          (greatest, winner) = (Double(logits[row * columns + c]), c)
        }
        var total = 0.0
        for c in 0..<classes {
          let power = exp(Double(logits[row * columns + c]) - greatest)
          powers.initializeElement(at: c, to: power)
          total += power
        }
        let loss = log(total) + greatest - Double(logits[row * columns + label])
        score.lossSum += loss
        score.losses.append(loss)
        score.isCorrect.append(winner == label)
        if winner == label { score.correct += 1 }
        for c in 0..<classes {
          let wrong = powers[c] / total - (c == label ? 1 : 0)
          gradient[row * columns + c] = Scalar(wrong / Double(samples))
        }
      }
    }
    return score
  }
}
