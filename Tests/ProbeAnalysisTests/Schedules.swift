import Foundation
import ProbeCore

/// Learning-rate schedules as functions of the share of the run that is done, 0 ..< 1.
enum Schedules {
  /// A learning rate by the share of the run that is done.
  typealias Rate = @Sendable (Double) -> Double

  static let constant: Rate = { _ in 0.1 }
  static let cosine: Rate = { 0.05 * (1 + cos(.pi * $0)) }
  static let linear: Rate = { 0.1 * (1 - $0) }
  static let polynomial: Rate = { 0.1 * pow(1 - $0, 2) }
  static let step: Rate = { $0 < 0.5 ? 0.1 : $0 < 0.75 ? 0.01 : 0.001 }
  static let halving: Rate = { 0.1 * pow(0.5, floor($0 * 4)) }
  static let warmUpCosine: Rate = { $0 < 0.1 ? $0 : cosine(($0 - 0.1) / 0.9) }
  static let oneCycle: Rate = { done in
    func between(_ a: Double, _ b: Double, _ part: Double) -> Double {
      b + (a - b) / 2 * (1 + cos(.pi * part))
    }
    return done < 0.3 ? between(0.004, 0.1, done / 0.3) : between(0.1, 4e-7, (done - 0.3) / 0.7)
  }
  static let warmRestarts: Rate = { cosine(($0 * 4).truncatingRemainder(dividingBy: 1)) }

  /// Every schedule that never jumps, by name.
  static let smooth: [(name: String, rate: Rate)] = [
    ("constant", constant), ("cosine", cosine), ("linear", linear), ("polynomial", polynomial),
    ("warm-up and cosine", warmUpCosine), ("one-cycle", oneCycle),
  ]

  /// The measured steps of a run of `total` steps under the recorder's default schedule.
  static func measured(_ total: Int) -> [Int] {
    (0..<total).filter { [1, 2, 5].contains($0) || $0 % ($0 < 500 ? 10 : 50) == 0 }
  }

  /// A run under a schedule set anew at each step, or once an epoch where `epochs` is given.
  static func run(
    _ rate: Rate, total: Int = 3_000, epochs: Int? = nil, steps: [Int]? = nil
  ) -> [StepSummary] {
    (steps ?? measured(total)).map { step in
      var done = Double(step) / Double(total)
      if let epochs { done = floor(done * Double(epochs) + 1e-9) / Double(epochs) }
      return StepSummary(step: step, learningRate: rate(done))
    }
  }
}
