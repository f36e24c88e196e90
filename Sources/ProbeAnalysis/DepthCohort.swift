import RealModule

/// Runs of one family that are alike in everything known but their depth: where training loss can be
/// held against depth.
public struct DepthCohort: Sendable, Hashable {
  /// The runs of one depth.
  public struct Point: Sendable, Hashable {
    /// The number of blocks.
    public let depth: Int
    /// The places of the runs among those compared.
    public let runs: [Int]
    /// The level of their training loss together.
    public let level: LossLevel
    /// The blocks without projections: what a plain network of as many layers has.
    public let plainDepth: Int
    /// The training loss at step 0, the least of the runs; nil where none has it.
    public let lossAtStart: Double?
  }

  /// What more depth did to the training loss.
  public enum Effect: String, Sendable, CaseIterable {
    /// Deeper trains worse: degradation.
    case worse
    /// Deeper trains better.
    case better
    /// The two train alike: all that lies within the intervals is within ``leastFactor``.
    case alike
    /// The intervals are apart, and the difference is too little to count.
    case immaterial
    /// The intervals leave open whether they differ, or which trains better.
    case undecided
  }

  /// A depth held against the shallower one that trains best.
  public struct Step: Sendable, Hashable {
    /// The shallower point.
    public let shallower: Point
    /// The deeper point.
    public let deeper: Point
    /// What the depth between them did.
    public let effect: Effect
    /// The deeper one's level over the shallower one's; nil where a loss is not above zero.
    public let factor: Double?
    /// The least and the greatest factor that the intervals leave; nil where ``factor`` is.
    public let factorBounds: [Double]?
  }

  /// What their blocks are.
  public let family: ComparedRun.Family
  /// The depths in rising order.
  public let points: [Point]
  /// The depths from the second on, each held against the best one before it.
  public let steps: [Step]

  /// A loss has to be at least so many times another one to be materially worse.
  public static let leastFactor = 1.1
  /// The difference has to be at least this share of the loss at step 0.
  public static let leastShare = 0.01
  /// The factor that is asked for where the loss at step 0 is not known.
  public static let leastFactorAlone = 2.0

  /// The cohorts among runs, families in the order of ``ComparedRun/Family``; of the runs that count.
  ///
  /// A run joins the first cohort of its family whose runs it is alike with, all of them.
  static func among(_ runs: [ComparedRun], counting: [Int]) -> [DepthCohort] {
    var cohorts: [(family: ComparedRun.Family, runs: [Int])] = []
    for place in counting {
      guard let family = runs[place].family, runs[place].level != nil else { continue }
      let fitting = cohorts.firstIndex { cohort in
        cohort.family == family
          && cohort.runs.allSatisfy {
            runs[$0].recipe.differences(to: runs[place].recipe).isEmpty
          }
      }
      if let fitting {
        cohorts[fitting].runs.append(place)
      } else {
        cohorts.append((family, [place]))
      }
    }
    return ComparedRun.Family.allCases.flatMap { family in
      cohorts.filter { $0.family == family }.map { DepthCohort(family, $0.runs, of: runs) }
    }
  }

  private init(_ family: ComparedRun.Family, _ members: [Int], of runs: [ComparedRun]) {
    self.family = family
    let byDepth = Dictionary(grouping: members) { runs[$0].depth }
    points = byDepth.sorted { $0.key < $1.key }.compactMap { depth, places in
      LossLevel.together(places.compactMap { runs[$0].level }).map { level in
        Point(
          depth: depth, runs: places, level: level,
          plainDepth: runs[places[0]].plainDepth,
          lossAtStart: places.compactMap { runs[$0].lossAtStart }.min())
      }
    }
    steps = points.indices.dropFirst().map { [points] place in
      let shallower = points[..<place].min { $0.level.value < $1.level.value }!
      return Step(shallower, points[place])
    }
  }
}

extension DepthCohort.Step {
  init(_ shallower: DepthCohort.Point, _ deeper: DepthCohort.Point) {
    self.shallower = shallower
    self.deeper = deeper
    let (a, b) = (shallower.level, deeper.level)
    guard a.isPositive, b.isPositive else {
      (effect, factor, factorBounds) = (.undecided, nil, nil)
      return
    }
    factor = b.value / a.value
    factorBounds = [b.lower / a.upper, b.upper / a.lower]
    let starts = [shallower.lossAtStart, deeper.lossAtStart].compactMap(\.self).filter { $0 > 0 }
    let start = starts.min()
    func isMaterial(_ worse: Double, _ better: Double) -> Bool {
      guard let start else { return worse >= DepthCohort.leastFactorAlone * better }
      return worse >= DepthCohort.leastFactor * better
        && worse - better >= DepthCohort.leastShare * start
    }
    if b.lower > a.upper, isMaterial(b.value, a.value) {
      effect = .worse
    } else if a.lower > b.upper, isMaterial(a.value, b.value) {
      effect = .better
    } else if b.upper <= DepthCohort.leastFactor * a.lower,
      a.upper <= DepthCohort.leastFactor * b.lower
    {
      effect = .alike
    } else if b.lower > a.upper || a.lower > b.upper {
      effect = .immaterial
    } else {
      effect = .undecided
    }
  }
}
