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
      if place > 0, interval.upperBound(confidence: confidence) >= leader { continue }
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
    let known = records.filter {
      $0.statistics.taylorImportance.n > 0 && $0.statistics.taylorImportance.mean.isFinite
    }
    guard !known.isEmpty else { return nil }
    steps = known.map(\.step)
    values = known.map(\.statistics.taylorImportance.mean)
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
    let positive = all.filter { $0.mean > 0 }
    var common: [Double]?
    if let first = positive.first, positive.allSatisfy({ $0.steps == first.steps }) {
      var sums = [Double](repeating: 0, count: first.steps.count)
      for series in positive {
        for (index, value) in series.logarithms.enumerated() { sums[index] += value }
      }
      common = sums.map { $0 / Double(positive.count) }
    }
    return all.map { series in
      guard series.mean > 0 else { return .zero }
      var values = series.logarithms
      if let common { for index in values.indices { values[index] -= common[index] } }
      let spans = GapInterval.spanMeans(values)
      let interval = AutoregressiveInterval(spans.isEmpty ? values : spans)
      return interval.map { .known($0) } ?? .unknown
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

  func upperBound(confidence: Double) -> Double {
    switch self {
    case .zero: -.infinity
    case .unknown: .infinity
    case .known(let interval): interval.upperBound(confidence: confidence)
    }
  }
}
