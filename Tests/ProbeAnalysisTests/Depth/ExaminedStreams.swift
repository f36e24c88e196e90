import Foundation
import ProbeCore

/// The stream before the first block and after each one, for some samples: what spans are measured on.
struct ExaminedStreams {
  /// By state and then by sample.
  let states: [[[Double]]]

  /// A stream that each block turns into the next by a rule, from these samples on.
  init(
    _ samples: [[Double]], blocks: Int, _ block: (_ ordinal: Int, _ x: [Double]) -> [Double]
  ) {
    var states = [samples]
    for ordinal in 0..<blocks { states.append(states[ordinal].map { block(ordinal, $0) }) }
    self.states = states
  }

  /// What an examination finds of every span, by the definitions and in the plainest way.
  var similarities: [Similarity] {
    let blocks = states.indices.dropLast()
    return blocks.flatMap { first in
      blocks.filter { $0 >= first }.map { last in
        var pair = Similarity(first: first, last: last)
        for (x, y) in zip(states[first], states[last + 1]) {
          pair.angularDistance.add(Self.angle(x, y) / .pi)
          let gap = Self.norm(zip(y, x).map { $0 - $1 }) / Self.norm(x)
          pair.gapSamples += 1
          if gap > 0 { pair.gapLogs.add(log(gap)) }
        }
        return pair
      }
    }
  }

  private static func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  private static func angle(_ x: [Double], _ y: [Double]) -> Double {
    let (u, v) = (x.map { $0 / norm(x) }, y.map { $0 / norm(y) })
    return 2 * atan2(norm(zip(u, v).map { $0 - $1 }), norm(zip(u, v).map { $0 + $1 }))
  }

  /// A vector turned in its first two dimensions.
  static func turned(_ x: [Double], by angle: Double) -> [Double] {
    [x[0] * cos(angle) - x[1] * sin(angle), x[0] * sin(angle) + x[1] * cos(angle)] + x.dropFirst(2)
  }
}

/// So many vectors whose numbers are normal.
func samples(_ count: Int, dimensions: Int, seed: UInt64 = 5) -> [[Double]] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { _ in (0..<dimensions).map { _ in random.normal() } }
}

/// An ablation of some blocks together, within bounds, with an odd half of its own.
func removed(
  _ ordinals: [Int], _ change: Double?, margin: Double = 0.001, odd: Double? = nil,
  error: Ablation.Change? = nil
) -> Ablation {
  var ablation = Ablation(
    ordinals: ordinals.sorted(), wallTime: 0,
    lossChanges: Moments(n: 360, mean: change ?? 0, m2: 1)!)
  ablation.error = error
  guard let change else {
    ablation.nonFinite = 1
    return ablation
  }
  ablation.loss = .init(value: change, lower: change - margin, upper: change + margin)
  ablation.halves = .init(even: 2 * change - (odd ?? change), odd: odd ?? change)
  return ablation
}

/// An examination at the end of a run of 400 steps, its base loss 0.1: the tolerance is 0.01.
func examination(
  _ ablations: [Ablation], orders: [RemovalOrder] = [], similarities: [Similarity] = [],
  reuse: [Reuse] = [], samples: Int = 360, step: Int = 400
) -> Ablations {
  Ablations(
    Examination(
      identity: Identity(bytes: [UInt8](repeating: 9, count: 16))!, step: step, samples: samples,
      planned: ablations.count, baseLoss: 0.1, baseError: 0.05),
    ablations, orders: orders, similarities: similarities, reuse: reuse)
}

/// A run of 40 records of these blocks, with what was examined.
func run(_ blocks: [Block], taylor: [Double]? = nil, _ ablations: Ablations?) -> History {
  var history = history(
    blocks.enumerated().map { place, block in
      measured(block) { _, statistics in
        if let taylor {
          statistics.taylorImportance = Moments(n: 64, mean: taylor[place], m2: 0)!
        }
      }
    })
  history.ablations = ablations
  return history
}
