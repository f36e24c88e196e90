import ProbeCore

/// The columns of `block_statistics` and how each statistic is read from them.
struct StatisticsColumns: Sendable {
  /// One statistic with its columns.
  struct Group: Sendable {
    var columns: [String]
    var read: @Sendable (inout BlockStatistics, inout StatementHandle) -> Void
  }

  var groups: [Group]

  var names: [String] { groups.flatMap(\.columns) }

  func read(_ ordinal: Int, from statement: inout StatementHandle) -> BlockStatistics {
    var statistics = BlockStatistics(ordinal: ordinal)
    for group in groups { group.read(&statistics, &statement) }
    return statistics
  }

  /// Every statistic, in the order of schema.sql.
  static let all = StatisticsColumns(groups: [
    count("samples", \.samples), count("micro_batches", \.microBatches),
    count("dropped", \.dropped), count("undefined", \.undefined),
    count("non_finite", \.nonFinite),
    logDistribution("identity_gap", \.identityGap), histogram,
    logDistribution("residual_ratio", \.residualRatio),
    moments("cosine", \.cosine), moments("perpendicular_ratio", \.perpendicularRatio),
    moments("angular_distance", \.angularDistance), moments("block_influence", \.blockInfluence),
    rms("stream_rms", \.streamRMS), rms("branch_rms", \.branchRMS),
    moments("output_grad_norm", \.outputGradNorm), moments("branch_gain", \.branchGain),
    moments("taylor_importance", \.taylorImportance),
    scalar("taylor_signed_mean", \.taylorSignedMean), scalar("gate_gradient", \.gateGradient),
    scalar("weight_norm", \.weightNorm), scalar("gradient_norm", \.gradientNorm),
    scalar("update_ratio", \.updateRatio), scalar("gate_rms", \.gateRMS),
    fraction("constant_fraction", \.constantFraction), fraction("dead_fraction", \.deadFraction),
    fraction("absorbed_fraction", \.absorbedFraction),
  ])

  private typealias Path<Value> = any WritableKeyPath<BlockStatistics, Value> & Sendable

  private static func count(_ name: String, _ path: Path<Int>) -> Group {
    Group(
      columns: [name],
      read: { $0[keyPath: path] = $1.nextCount() })
  }

  private static func scalar(_ name: String, _ path: Path<Double?>) -> Group {
    Group(
      columns: [name],
      read: { $0[keyPath: path] = $1.nextDouble() })
  }

  private static func moments(_ name: String, _ path: Path<Moments>) -> Group {
    Group(
      columns: momentsColumns(name),
      read: { $0[keyPath: path] = $1.nextMoments() })
  }

  private static func logDistribution(_ name: String, _ path: Path<LogDistribution>) -> Group {
    Group(
      columns: ["n", "p50", "p90", "p99", "max", "log_n", "log_mean", "log_m2"].map {
        "\(name)_\($0)"
      },
      read: { statistics, statement in
        let n = statement.nextCount()
        let p50 = statement.nextDouble()
        let p90 = statement.nextDouble()
        let p99 = statement.nextDouble()
        let max = statement.nextDouble()
        statistics[keyPath: path] = LogDistribution(
          n: n, logs: statement.nextMoments(), p50: p50, p90: p90, p99: p99, max: max)
      })
  }

  private static func rms(_ name: String, _ path: Path<PooledRMS?>) -> Group {
    Group(
      columns: ["\(name)_n", name],
      read: { statistics, statement in
        statistics[keyPath: path] = statement.nextPooled().map { PooledRMS(n: $0.n, rms: $0.value) }
      })
  }

  private static func fraction(_ name: String, _ path: Path<Fraction?>) -> Group {
    Group(
      columns: ["\(name)_n", name],
      read: { statistics, statement in
        statistics[keyPath: path] = statement.nextPooled().map {
          Fraction(n: $0.n, value: $0.value)
        }
      })
  }

  static func momentsColumns(_ name: String) -> [String] {
    ["n", "mean", "m2"].map { "\(name)_\($0)" }
  }

  private static let histogram = Group(
    columns: ["identity_gap_histogram"],
    read: { statistics, statement in
      statistics.identityGapHistogram = statement.nextHistogram()
    })
}

extension StatementHandle {
  /// Binds every statistic, in the order of ``StatisticsColumns/all``.
  ///
  /// Written out: key paths took 18 % of an intake's time, a list of closures still 5 %.
  mutating func bind(_ statistics: BlockStatistics) {
    bind(statistics.samples)
    bind(statistics.microBatches)
    bind(statistics.dropped)
    bind(statistics.undefined)
    bind(statistics.nonFinite)
    bind(statistics.identityGap)
    HistogramText.write(statistics.identityGapHistogram) { bind(text: $0) }
    bind(statistics.residualRatio)
    bind(statistics.cosine)
    bind(statistics.perpendicularRatio)
    bind(statistics.angularDistance)
    bind(statistics.blockInfluence)
    bind(n: statistics.streamRMS?.n, value: statistics.streamRMS?.rms)
    bind(n: statistics.branchRMS?.n, value: statistics.branchRMS?.rms)
    bind(statistics.outputGradNorm)
    bind(statistics.branchGain)
    bind(statistics.taylorImportance)
    bind(statistics.taylorSignedMean)
    bind(statistics.gateGradient)
    bind(statistics.weightNorm)
    bind(statistics.gradientNorm)
    bind(statistics.updateRatio)
    bind(statistics.gateRMS)
    bind(n: statistics.constantFraction?.n, value: statistics.constantFraction?.value)
    bind(n: statistics.deadFraction?.n, value: statistics.deadFraction?.value)
    bind(n: statistics.absorbedFraction?.n, value: statistics.absorbedFraction?.value)
  }

  private mutating func bind(_ distribution: LogDistribution) {
    bind(distribution.n)
    bind(distribution.p50)
    bind(distribution.p90)
    bind(distribution.p99)
    bind(distribution.max)
    bind(distribution.logs)
  }

  private mutating func bind(_ moments: Moments) {
    bind(moments.n)
    bind(moments.n > 0 ? moments.mean : nil)
    bind(moments.n > 0 ? moments.m2 : nil)
  }

  private mutating func bind(n: Int?, value: Double?) {
    bind(n ?? 0)
    bind(value)
  }

  mutating func nextHistogram() -> GapHistogram {
    nextText().map(HistogramText.read) ?? GapHistogram()
  }

  mutating func nextMoments() -> Moments {
    let n = nextCount()
    let mean = nextDouble()
    let m2 = nextDouble()
    return Moments(n: n, mean: mean ?? 0, m2: m2 ?? 0) ?? Moments()
  }

  /// Moments of which only count and mean are read.
  mutating func nextMean() -> Moments {
    nextPooled().flatMap { Moments(n: $0.n, mean: $0.value, m2: 0) } ?? Moments()
  }

  /// A count and a value; nil where nothing was looked at.
  mutating func nextFraction() -> Fraction? {
    nextPooled().map { Fraction(n: $0.n, value: $0.value) }
  }

  fileprivate mutating func nextPooled() -> (n: Int, value: Double)? {
    let n = nextCount()
    return nextDouble().map { (n, $0) }
  }
}
