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
  ///
  /// Closures and no key paths: projecting those took a quarter of a row's time.
  static let all = StatisticsColumns(groups: [
    count("samples", { $0.samples }, { $0.samples = $1 }),
    count("micro_batches", { $0.microBatches }, { $0.microBatches = $1 }),
    count("dropped", { $0.dropped }, { $0.dropped = $1 }),
    count("undefined", { $0.undefined }, { $0.undefined = $1 }),
    count("non_finite", { $0.nonFinite }, { $0.nonFinite = $1 }),
    logDistribution("identity_gap", { $0.identityGap }, { $0.identityGap = $1 }),
    histogram,
    logDistribution("residual_ratio", { $0.residualRatio }, { $0.residualRatio = $1 }),
    moments("cosine", { $0.cosine }, { $0.cosine = $1 }),
    moments("perpendicular_ratio", { $0.perpendicularRatio }, { $0.perpendicularRatio = $1 }),
    moments("angular_distance", { $0.angularDistance }, { $0.angularDistance = $1 }),
    moments("block_influence", { $0.blockInfluence }, { $0.blockInfluence = $1 }),
    rms("stream_rms", { $0.streamRMS }, { $0.streamRMS = $1 }),
    rms("branch_rms", { $0.branchRMS }, { $0.branchRMS = $1 }),
    moments("output_grad_norm", { $0.outputGradNorm }, { $0.outputGradNorm = $1 }),
    moments("branch_gain", { $0.branchGain }, { $0.branchGain = $1 }),
    moments("taylor_importance", { $0.taylorImportance }, { $0.taylorImportance = $1 }),
    scalar("taylor_signed_mean", { $0.taylorSignedMean }, { $0.taylorSignedMean = $1 }),
    scalar("gate_gradient", { $0.gateGradient }, { $0.gateGradient = $1 }),
    scalar("weight_norm", { $0.weightNorm }, { $0.weightNorm = $1 }),
    scalar("gradient_norm", { $0.gradientNorm }, { $0.gradientNorm = $1 }),
    scalar("update_ratio", { $0.updateRatio }, { $0.updateRatio = $1 }),
    scalar("gate_rms", { $0.gateRMS }, { $0.gateRMS = $1 }),
    fraction("constant_fraction", { $0.constantFraction }, { $0.constantFraction = $1 }),
    fraction("dead_fraction", { $0.deadFraction }, { $0.deadFraction = $1 }),
    fraction("absorbed_fraction", { $0.absorbedFraction }, { $0.absorbedFraction = $1 }),
  ])

  private typealias Get<Value> = @Sendable (BlockStatistics) -> Value
  private typealias Set<Value> = @Sendable (inout BlockStatistics, Value) -> Void

  private static func count(_ name: String, _ get: @escaping Get<Int>, _ set: @escaping Set<Int>)
    -> Group
  {
    Group(columns: [name], bind: { $1.bind(get($0)) }, read: { set(&$0, $1.nextCount()) })
  }

  private static func scalar(
    _ name: String, _ get: @escaping Get<Double?>, _ set: @escaping Set<Double?>
  ) -> Group {
    Group(columns: [name], bind: { $1.bind(get($0)) }, read: { set(&$0, $1.nextDouble()) })
  }

  private static func moments(
    _ name: String, _ get: @escaping Get<Moments>, _ set: @escaping Set<Moments>
  ) -> Group {
    Group(
      columns: momentsColumns(name), bind: { $1.bind(moments: get($0)) },
      read: { set(&$0, $1.nextMoments()) })
  }

  private static func logDistribution(
    _ name: String, _ get: @escaping Get<LogDistribution>, _ set: @escaping Set<LogDistribution>
  ) -> Group {
    Group(
      columns: ["n", "p50", "p90", "p99", "max", "log_n", "log_mean", "log_m2"].map {
        "\(name)_\($0)"
      },
      bind: { statistics, statement in
        let value = get(statistics)
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
        let logs = statement.nextMoments()
        set(
          &statistics, LogDistribution(n: n, logs: logs, p50: p50, p90: p90, p99: p99, max: max))
      })
  }

  private static func rms(
    _ name: String, _ get: @escaping Get<PooledRMS?>, _ set: @escaping Set<PooledRMS?>
  ) -> Group {
    Group(
      columns: ["\(name)_n", name],
      bind: { statistics, statement in
        let value = get(statistics)
        statement.bind(n: value?.n, value: value?.rms)
      },
      read: { set(&$0, $1.nextPooled().map { PooledRMS(n: $0.n, rms: $0.value) }) })
  }

  private static func fraction(
    _ name: String, _ get: @escaping Get<Fraction?>, _ set: @escaping Set<Fraction?>
  ) -> Group {
    Group(
      columns: ["\(name)_n", name],
      bind: { statistics, statement in
        let value = get(statistics)
        statement.bind(n: value?.n, value: value?.value)
      },
      read: { set(&$0, $1.nextPooled().map { Fraction(n: $0.n, value: $0.value) }) })
  }

  static func momentsColumns(_ name: String) -> [String] {
    ["n", "mean", "m2"].map { "\(name)_\($0)" }
  }

  private static let histogram = Group(
    columns: ["identity_gap_histogram"],
    bind: { statistics, statement in
      HistogramText.write(statistics.identityGapHistogram) { statement.bind(text: $0) }
    },
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
