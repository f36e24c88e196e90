import GRDB
import ProbeAnalysis
import ProbeCore
import ProbeDaemon
import ProbeStore
import Support
import Testing

/// The views on depth, held against what the analyses say of the same store.
@Suite struct DepthViewsTests {
  private static let map = try! BlockMap(
    (0..<6).map { Block(ordinal: $0, name: "stages.0.\($0)", parameters: 100 * ($0 + 1)) } + [
      Block(ordinal: 6, name: "down", shortcut: .projection),
      Block(ordinal: 7, name: "stages.1.0", kind: .plain, shortcut: .none, stage: 1, macs: 64),
      Block(ordinal: 8, name: "silent", stage: 1),
    ])

  /// The median gaps that the blocks have about; the first two are identities.
  private static let gaps = [0.01, 0.02, 0.3, 0.2, 0.4, 0.1, nil, 0.5]

  private func frame(_ step: Int) -> ProbeCore.Record {
    var frame = Frame(step: step, wallTime: 1.75e9 + Double(step))
    frame.loss = 2 / Double(step + 1)
    frame.learningRate = 0.1
    frame.blocks = Self.gaps.enumerated().map { ordinal, gap in
      let swing = [1.0, 1.05, 0.96, 1.02, 0.95][(step + ordinal) % 5]
      var statistics = BlockStatistics(ordinal: ordinal)
      statistics.samples = 32
      // The second identity matters less than the first.
      let taylor = swing / Double(ordinal == 1 ? 50 : 1 + ordinal)
      statistics.taylorImportance = Moments(n: 32, mean: taylor, m2: 1)!
      guard let gap = gap.map({ $0 * swing }) else { return statistics }
      statistics.identityGap = LogDistribution(
        n: 32, logs: Moments(), p50: gap, p90: gap, p99: gap, max: gap)
      statistics.identityGapHistogram.count(32, inSlot: GapHistogram.slot(of: gap))
      statistics.blockInfluence = Moments(n: 32, mean: gap * gap / 2, m2: 0.5)!
      if step % 3 == 0 { statistics.branchGain = Moments(n: 32, mean: 2 * gap, m2: 0)! }
      return statistics
    }
    return .frame(frame)
  }

  private func examination(
    step: Int = 400, samples: Int = 500, error: Double? = 0.1
  ) -> Examination {
    Examination(
      identity: Identity(bytes: [UInt8](repeating: 9, count: 16))!, step: step, samples: samples,
      planned: 40, baseLoss: 0.4, baseError: error)
  }

  /// What removing blocks cost: each its own, and a little more together.
  private func ablation(
    _ ordinals: [Int], of examination: Examination, change: Double? = nil, odd: Double = 0,
    error: Double = 0
  ) -> ProbeCore.Record {
    let costs = [0.001, 0.0005, 0.002, -0.001, 0.004, 0.02, 0.3, 0.5, 0.6]
    let value = change ?? ordinals.reduce(0.0001 * Double(ordinals.count)) { $0 + costs[$1] }
    var ablation = Ablation(
      ordinals: ordinals, wallTime: 1.75e9 + 600,
      lossChanges: Moments(n: examination.samples, mean: value, m2: 2)!)
    ablation.loss = Ablation.Change(value: value, lower: value - 0.002, upper: value + 0.001)
    ablation.halves = Ablation.Halves(even: value - 0.0003, odd: value + 0.0003 + odd)
    if examination.baseError != nil {
      ablation.error = Ablation.Change(value: error, lower: error - 0.001, upper: error + 0.002)
    }
    return .ablation(examination, ablation)
  }

  private func notFinite(_ ordinals: [Int], of examination: Examination) -> ProbeCore.Record {
    var ablation = Ablation(
      ordinals: ordinals, wallTime: 1.75e9 + 600,
      lossChanges: Moments(n: examination.samples - 1, mean: 0, m2: 2)!)
    ablation.nonFinite = 1
    ablation.error = Ablation.Change(value: 0, lower: 0, upper: 0)
    return .ablation(examination, ablation)
  }

  private func order(
    _ ordinals: [Int], _ strategy: RemovalOrder.Strategy = .greedy, place: Int = 0,
    of examination: Examination
  ) -> ProbeCore.Record {
    .removalOrder(
      examination, RemovalOrder(strategy: strategy, place: place, ordinals: ordinals))
  }

  /// A greedy order with all its sets, the single blocks first; `others` take the place of some.
  private func curve(
    _ ordinals: [Int] = [3, 1, 0, 2, 4, 5], of examination: Examination,
    others: [ProbeCore.Record] = []
  ) -> [ProbeCore.Record] {
    others + (0..<9).map { ablation([$0], of: examination) }
      + ordinals.indices.map { ablation(ordinals[...$0].sorted(), of: examination) }
      + [order(ordinals, of: examination)]
  }

  /// A store with one run of 400 steps and what was examined of it, verdicts kept.
  private func intake(_ examined: [ProbeCore.Record], steps: Int = 400) throws -> Intake {
    let intake = try Intake()
    let opened = RunOpened(
      run: .random(), attempt: .random(), name: "depth", startedAt: 1.75e9)
    var batch = JournalBatch(journal: .random(), segment: 0, from: 0)
    batch.records = [.runOpened(opened), .blockMap(Self.map)] + (0..<steps).map(frame) + examined
    batch.to = 10 * batch.records.count
    #expect(try intake.store.append(batch).rejections.isEmpty)
    try VerdictUpdate.update([1], in: intake.store)
    return intake
  }

  private func depth(_ intake: Intake) throws -> (history: History, depth: Depth) {
    let settings = VerdictSettings()
    let run = try #require(try intake.store.run(1))
    let judged = try JudgedRun(run, in: intake.store, settings: settings)
    return (
      judged.history,
      Depth(
        judged.history, window: judged.window, verdicts: judged.verdicts, settings: settings)
    )
  }

  private func number(_ cell: Cell) -> Double? {
    switch cell {
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  private func areEqual(_ row: [Cell], _ values: [Double?]) -> Bool {
    row.count == values.count
      && zip(row.map(number), values).allSatisfy { found, wanted in
        guard let found, let wanted else { return found == nil && wanted == nil }
        return abs(found - wanted) <= 1e-12 * max(1, abs(wanted))
      }
  }

  @Test func `depth_profile has the scores and shares of the analysis`() throws {
    let intake = try intake(
      curve(of: examination(), others: [notFinite([5], of: examination())]))
    let (history, depth) = try depth(intake)
    #expect(history.blocks[0].recent.count == 60)
    let rows = try intake.rows(
      """
      SELECT identity_gap_squared, identity_gap_squared_share, block_influence,
        block_influence_share, taylor_importance, taylor_importance_share, loss_change_share,
        path_share, records
      FROM depth_profile WHERE run_id = 1 ORDER BY ordinal
      """)
    let shares = Dictionary(uniqueKeysWithValues: depth.effective.map { ($0.score, $0.shares) })
    #expect(shares.count == DepthScore.allCases.count)
    for (ordinal, block) in history.blocks.enumerated() {
      func score(_ score: DepthScore) -> [Double?] {
        [score.value(of: block, ablation: nil), shares[score]?[ordinal]]
      }
      let wanted =
        score(.identityGapSquared) + score(.blockInfluence) + score(.taylorImportance) + [
          shares[.ablation]?[ordinal], depth.pathLength?.shares[ordinal],
          Double(block.recent.count),
        ]
      #expect(areEqual(rows[ordinal], wanted), "\(ordinal): \(rows[ordinal]) \(wanted)")
    }
    #expect(rows.count == 9)
    let sums = try intake.rows(
      """
      SELECT sum(taylor_importance) * sum(taylor_importance) / sum(taylor_importance * taylor_importance),
        sum(path_share) FROM depth_profile WHERE run_id = 1
      """)
    let taylor = depth.effective.first { $0.score == .taylorImportance }
    #expect(areEqual(sums[0], [taylor?.participation, depth.pathLength?.mean]))
  }

  @Test func `the records of depth_profile are those of the verdicts' window and no more than 60`()
    throws
  {
    for (steps, records) in [(30, 20), (250, 50), (400, 60)] {
      let intake = try intake([], steps: steps)
      #expect(
        try intake.count("SELECT max(records) FROM depth_profile WHERE run_id = 1")
          == Int64(records))
      #expect(try depth(intake).history.blocks[0].recent.count == records)
    }
  }

  @Test func `what a later attempt superseded is in no profile, and ranks count alike`() throws {
    let intake = try Intake()
    for var segment in ScriptedRun.segments { _ = try intake.store.append(segment.batch(.max)) }
    try VerdictUpdate.update([1], in: intake.store)
    let history = try depth(intake).history
    let rows = try intake.rows(
      "SELECT records, identity_gap_squared FROM depth_profile WHERE run_id = 1 ORDER BY ordinal")
    for (row, block) in zip(rows, history.blocks) {
      #expect(number(row[0]) == Double(block.recent.count))
      // Rank 1 drops some of its steps: close, not equal.
      let wanted = DepthScore.identityGapSquared.value(of: block, ablation: nil)
      #expect(
        zip([wanted].compactMap(\.self), [number(row[1])].compactMap(\.self)).allSatisfy {
          abs($0 - $1) < 0.01 * $0
        } && (wanted == nil) == (number(row[1]) == nil))
    }
  }

  @Test func `span and removal_curve are the analysis' spans and curves`() throws {
    let examination = examination()
    let pairs = (0..<4).map { first in
      let spans = (first..<6).map { last in
        var pair = Similarity(first: first, last: last)
        pair.angularDistance = Moments(n: 500, mean: 0.01 * Double(last - first + 1), m2: 1)!
        pair.gapSamples = 500
        pair.gapLogs = Moments(n: 490, mean: Double(last - first) - 3, m2: 1)!
        pair.cka = 0.5
        return pair
      }
      // Of two stages: no span.
      var apart = Similarity(first: first, last: 8)
      apart.branchCKA = 0.25
      return ProbeCore.Record.similarity(examination, spans + [apart])
    }
    let intake = try intake(
      curve(of: examination) + pairs + [
        ablation([1, 2, 3], of: examination), ablation([4, 5, 8], of: examination),
        order([8, 5, 4, 0], .deepestFirst, of: examination),
        // Place 1 is not known.
        order([2, 1], .random, place: 2, of: examination), order([3], .random, of: examination),
      ])
    let depth = try depth(intake).depth
    let spans = try #require(depth.spans.first).spans
    let rows = try intake.rows(
      """
      SELECT start, length, angular_distance, span_gap, loss_change, loss_change_upper
      FROM span WHERE run_id = 1 ORDER BY length, start
      """)
    #expect(rows.count == spans.count && spans.count == 18)
    for (row, span) in zip(rows, spans) {
      let wanted = [
        Double(span.first), Double(span.length), span.angularDistance, span.gap,
        span.ablation?.lossChanges.mean, span.ablation?.loss?.upper,
      ]
      #expect(areEqual(row, wanted), "\(row) \(wanted)")
    }
    #expect(rows.count { number($0[4]) != nil } > 3)

    let points = try #require(depth.curves).all.flatMap { curve in
      curve.points.map { (curve.order, $0) }
    }
    let curves = try intake.rows(
      """
      SELECT place + 1, ordinal, loss_change, held_out_upper, error_change, strategy FROM removal_curve
      WHERE run_id = 1 AND loss_change IS NOT NULL
      ORDER BY CASE strategy WHEN 'greedy' THEN 0 WHEN 'deepest_first' THEN 1 ELSE 2 END, place
      """)
    #expect(curves.count == points.count && points.count == 9)
    for (row, (order, point)) in zip(curves, points) {
      let wanted = [
        Double(point.dropped), point.ordinals.last.map(Double.init), point.lossChange,
        point.ablation.heldOutUpper, point.ablation.error?.value,
      ]
      #expect(areEqual(Array(row.dropLast()), wanted))
      #expect(row[5] == .text(order.strategy.rawValue))
    }
    #expect(
      try intake.count("SELECT count(*) FROM removal_curve WHERE strategy = 'random'") == 1)
  }

  /// What a candidate's row says beside its block.
  private func candidates(_ intake: Intake) throws -> [[Cell]] {
    try intake.rows(
      """
      SELECT basis, ordinal, place, confirmed, sum_of_singles, loss_change, loss_change_lower,
        loss_change_upper, held_out_upper, error_change, parameters, macs, tolerance
      FROM candidate WHERE run_id = 1 ORDER BY place
      """)
  }

  private func expectAgreement(
    _ examined: [ProbeCore.Record], _ ordinals: [Int], _ basis: CandidateSet.Basis,
    confirmed: Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let intake = try intake(examined)
    let (history, depth) = try depth(intake)
    let set = depth.candidates
    #expect(set.ordinals == ordinals && set.basis == basis, sourceLocation: location)
    #expect(set.isConfirmed == confirmed, sourceLocation: location)
    let rows = try candidates(intake)
    #expect(rows.count == ordinals.count, sourceLocation: location)
    for (place, (row, ordinal)) in zip(rows, ordinals).enumerated() {
      let block = history.blocks[ordinal].block
      let wanted: [Double?] = [
        Double(ordinal), Double(place), confirmed ? 1 : 0, set.loss?.sumOfSingles,
        set.loss?.jointly?.value, set.loss?.jointly?.lower, set.loss?.jointly?.upper,
        set.loss?.heldOutUpper, set.errorChange?.value, block.parameters.map(Double.init),
        block.macs.map(Double.init), depth.examination == .counts ? set.tolerance : nil,
      ]
      #expect(row[0] == .text(basis.rawValue), sourceLocation: location)
      #expect(
        areEqual(Array(row.dropFirst()), wanted), "\(row) \(wanted)", sourceLocation: location)
    }
  }

  @Test func `candidate is the beginning of the greedy order that stays within the tolerance`()
    throws
  {
    let one = examination()
    try expectAgreement(curve(of: one), [3, 1, 0, 2, 4], .measured, confirmed: true)
    // Later sets do not count once one has failed: by its loss on the other half …
    try expectAgreement(
      curve(of: one, others: [ablation([0, 1, 3], of: one, odd: 0.01)]), [3, 1], .measured,
      confirmed: true)
    // … by its error, or by a loss that is not finite.
    try expectAgreement(
      curve(of: one, others: [ablation([1, 3], of: one, error: 0.012)]), [3], .measured,
      confirmed: true)
    try expectAgreement(
      curve(of: one, others: [notFinite([0, 1, 2, 3], of: one)]), [3, 1, 0], .measured,
      confirmed: true)
    // A set that was not measured ends it.
    try expectAgreement(
      (0..<9).map { ablation([$0], of: one) } + [
        ablation([0, 1, 3], of: one), order([3, 1, 0], of: one),
      ], [3], .measured, confirmed: true)
    // No block may go, though two have an identity verdict.
    try expectAgreement(curve([7, 6, 5], of: one), [], .measured, confirmed: false)
    // Without an error the least tolerance is no matter of nats.
    try expectAgreement(
      curve(of: examination(error: nil)), [3, 1, 0, 2], .measured, confirmed: true)
  }

  @Test func `without a measured order candidate is the identity verdicts, least Taylor first`()
    throws
  {
    let one = examination()
    try expectAgreement([], [1, 0], .verdicts, confirmed: false)
    let singles = (0..<9).map { ablation([$0], of: one) }
    try expectAgreement(singles, [1, 0], .verdicts, confirmed: false)
    // Removed together all the same.
    try expectAgreement(
      singles + [ablation([0, 1], of: one)], [1, 0], .verdicts, confirmed: true)
    try expectAgreement(
      singles + [ablation([0, 1], of: one, change: 0.0095)], [1, 0], .verdicts, confirmed: false)
    // One that the ablation contradicts is none.
    try expectAgreement(
      [ablation([1], of: one, change: 0.2)] + singles, [0], .verdicts, confirmed: true)
    // Of a network that has changed since.
    try expectAgreement(curve(of: examination(step: 100)), [1, 0], .verdicts, confirmed: false)
  }

  @Test func `candidate does not know what too few samples say`() throws {
    let intake = try intake(curve(of: examination(samples: 99)))
    let rows = try candidates(intake)
    #expect(rows.map { $0[1] } == [.integer(1), .integer(0)])
    #expect(rows.allSatisfy { $0[3] == .integer(0) && $0[4] == .null && $0[5] == .null })
  }

  @Test func `each run has its own rows`() throws {
    let intake = try intake(curve(of: examination()))
    let opened = RunOpened(run: .random(), attempt: .random(), name: "other", startedAt: 1.76e9)
    var batch = JournalBatch(journal: .random(), segment: 0, from: 0)
    batch.records = [.runOpened(opened), .blockMap(Self.map)] + (0..<40).map(frame)
    batch.to = 10 * batch.records.count
    _ = try intake.store.append(batch)
    try VerdictUpdate.update([2], in: intake.store)
    for view in ["candidate", "depth_profile", "removal_curve"] {
      let all = try intake.rows("SELECT * FROM \(view) ORDER BY run_id, ordinal")
      let apart = try [1, 2].flatMap {
        try intake.rows("SELECT * FROM \(view) WHERE run_id = \($0) ORDER BY ordinal")
      }
      #expect(all == apart && !all.isEmpty)
    }
  }
}
