import ProbeCore

/// The columns of `block_statistics` and how each statistic fills them: the one list that writing and
/// reading go by.
struct StatisticsColumns: Sendable {
  /// One statistic with its columns.
  struct Group: Sendable {
    var columns: [String]
    var bind: @Sendable (BlockStatistics, inout StatementHandle) -> Void
    var read: @Sendable (inout BlockStatistics, inout StatementHandle) -> Void
  }

  var groups: [Group]

  var names: [String] { groups.flatMap(\.columns) }

  func bind(_ statistics: BlockStatistics, to statement: inout StatementHandle) {
    for group in groups { group.bind(statistics, &statement) }
  }

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
      columns: [name], bind: { $1.bind($0[keyPath: path]) },
      read: { $0[keyPath: path] = $1.nextCount() })
  }

  private static func scalar(_ name: String, _ path: Path<Double?>) -> Group {
    Group(
      columns: [name], bind: { $1.bind($0[keyPath: path]) },
      read: { $0[keyPath: path] = $1.nextDouble() })
  }

  private static func moments(_ name: String, _ path: Path<Moments>) -> Group {
    Group(
      columns: momentsColumns(name),
      bind: { $1.bind(moments: $0[keyPath: path]) },
      read: { $0[keyPath: path] = $1.nextMoments() })
  }

  private static func logDistribution(_ name: String, _ path: Path<LogDistribution>) -> Group {
    Group(
      columns: ["n", "p50", "p90", "p99", "max", "log_n", "log_mean", "log_m2"].map {
        "\(name)_\($0)"
      },
      bind: { statistics, statement in
        let value = statistics[keyPath: path]
        statement.bind(value.n)
        statement.bind(value.p50)
        statement.bind(value.p90)
        statement.bind(value.p99)
        statement.bind(value.max)
        statement.bind(moments: value.logs)
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
      bind: { $1.bind(n: $0[keyPath: path]?.n, value: $0[keyPath: path]?.rms) },
      read: { statistics, statement in
        statistics[keyPath: path] = statement.nextPooled().map { PooledRMS(n: $0.n, rms: $0.value) }
      })
  }

  private static func fraction(_ name: String, _ path: Path<Fraction?>) -> Group {
    Group(
      columns: ["\(name)_n", name],
      bind: { $1.bind(n: $0[keyPath: path]?.n, value: $0[keyPath: path]?.value) },
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
    bind: { $1.bind(HistogramText.write($0.identityGapHistogram)) },
    read: { statistics, statement in
      statistics.identityGapHistogram = statement.nextHistogram()
    })
}

extension StatementHandle {
  fileprivate mutating func bind(moments: Moments) {
    bind(moments.n)
    bind(moments.n > 0 ? moments.mean : nil)
    bind(moments.n > 0 ? moments.m2 : nil)
  }

  fileprivate mutating func bind(n: Int?, value: Double?) {
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

  fileprivate mutating func nextPooled() -> (n: Int, value: Double)? {
    let n = nextCount()
    return nextDouble().map { (n, $0) }
  }
}
