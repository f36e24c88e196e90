public import ProbeCore
import RealModule

/// A block's place among its run's blocks by `taylor_importance`.
///
/// It orders the blocks of one run and is no cost: shown as rank and share, never as nats
/// (`taylor_importance` in Statistics.md).
public struct TaylorRanking: Sendable, Hashable {
  /// 1 for the greatest; equal values share the smaller rank and leave the next ones out.
  public let rank: Int
  /// The number of the block's group, from 1 on: blocks of one group are not told apart.
  public let group: Int
  /// The ranks that the block's group spans: a block may have any of them.
  public let places: ClosedRange<Int>
  /// The value over the sum of all blocks' values, 0 … 1; 0 for all where the sum is 0.
  public let share: Double

  /// The ranking of a history's blocks over a window, in their order; nil for a block without a value.
  ///
  /// A block's value is the mean over its window's records of the mean |⟨n·g, F⟩| of a record.
  /// Every kind of block takes part.
  ///
  /// Groups are made from the greatest down: the first block leads one, and a block joins while the
  /// upper bound of its logarithm reaches the leader's lower one. So blocks of one group need not all
  /// be alike, but a leader's lead over the next group is real. Complexity: O(records + blocks log
  /// blocks).
  ///
  /// Source: Molchanov et al. 2019, gate form, absolute per sample.
  public static func rank(
    _ history: History, over window: VerdictWindow?, confidence: Double = 0.95
  ) -> [TaylorRanking?] {
    let series = history.blocks.map { TaylorSeries(window?.records(of: $0) ?? []) }
    let present = series.compactMap { $0?.mean }
    let sum = present.reduce(0, +)
    let ranks = Dictionary(
      zip(present.sorted(by: >), 1...), uniquingKeysWith: { smaller, _ in smaller })
    let places = series.indices.filter { series[$0] != nil }
      .sorted { series[$0]!.mean > series[$1]!.mean }
    let intervals = TaylorSeries.intervals(places.map { series[$0]! })
    var starts: [Int] = []
    var leader = Double.infinity
    for place in places.indices {
      let interval = intervals[place]
      if place > 0, interval.reaches(leader, confidence: confidence) { continue }
      starts.append(place)
      leader = interval.lowerBound(confidence: confidence)
    }
    var rankings = [TaylorRanking?](repeating: nil, count: series.count)
    for (group, start) in starts.enumerated() {
      let end = group + 1 < starts.count ? starts[group + 1] : places.count
      for place in start..<end {
        let value = series[places[place]]!.mean
        rankings[places[place]] = TaylorRanking(
          rank: ranks[value]!, group: group + 1, places: start + 1...end,
          share: sum > 0 ? value / sum : 0)
      }
    }
    return rankings
  }
}

/// The Taylor importance of one block over a window's records.
private struct TaylorSeries {
  /// The steps with a value.
  let steps: [Int]
  /// The values, by step.
  let values: [Double]
  /// Their mean.
  let mean: Double

  /// Takes the records with a finite value; nil without any.
  init?(_ records: [BlockRecord]) {
    // A window holds a hundred thousand records: looked at by index, since a copy of each takes time.
    var (steps, values) = ([Int](), [Double]())
    steps.reserveCapacity(records.count)
    values.reserveCapacity(records.count)
    for index in records.indices {
      let mean = records[index].statistics.taylorImportance.mean
      guard records[index].statistics.taylorImportance.n > 0, mean.isFinite else { continue }
      steps.append(records[index].step)
      values.append(mean)
    }
    guard !values.isEmpty else { return nil }
    (self.steps, self.values) = (steps, values)
    mean = values.reduce(0, +) / Double(values.count)
  }

  /// The logarithms of the values; 2⁻²⁰ of the mean stands for less.
  private var logarithms: [Double] { values.map { .log(max($0, mean * 0x1p-20)) } }

  /// What is known of each series' mean logarithm.
  ///
  /// Where all blocks with a value above 0 were measured at the same steps, each step's mean over the
  /// blocks is taken off first: a hard batch, or a loss that falls, raises or lowers all of them
  /// together and says nothing of their order. Long series are looked at by the means of their spans,
  /// as gaps are (``GapInterval``).
  static func intervals(_ all: [TaylorSeries]) -> [TaylorInterval] {
    var logarithms = all.map { $0.mean > 0 ? $0.logarithms : [] }
    let positive = all.indices.filter { all[$0].mean > 0 }
    if let first = positive.first, positive.allSatisfy({ all[$0].steps == all[first].steps }) {
      var common = [Double](repeating: 0, count: logarithms[first].count)
      for place in positive {
        for index in common.indices { common[index] += logarithms[place][index] }
      }
      for place in positive {
        for index in common.indices {
          logarithms[place][index] -= common[index] / Double(positive.count)
        }
      }
    }
    return all.indices.map { place in
      guard all[place].mean > 0 else { return .zero }
      let spans = GapInterval.spanMeans(logarithms[place])
      return AutoregressiveInterval(spans.isEmpty ? logarithms[place] : spans)
        .map { .known($0) } ?? .unknown
    }
  }
}

/// The bounds of a series' mean logarithm.
private enum TaylorInterval {
  /// All values are 0: below every other series, and like its kind.
  case zero
  /// There is one value, which has no bounds.
  case unknown
  /// As the series has it.
  case known(AutoregressiveInterval)

  func lowerBound(confidence: Double) -> Double {
    if case .known(let interval) = self {
      interval.lowerBound(confidence: confidence)
    } else {
      -.infinity
    }
  }

  /// Whether the upper bound is `bound` or more: one look where the bound itself takes a dozen.
  func reaches(_ bound: Double, confidence: Double) -> Bool {
    switch self {
    case .zero: bound == -.infinity
    case .unknown: true
    case .known(let interval): interval.pValue(meanAtLeast: bound) >= 1 - confidence
    }
  }
}
