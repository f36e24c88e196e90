import GRDB
import ProbeCore

/// What an examination measured by removing sets of blocks, as rows of `ablation`.
enum AblationRows {
  /// Writes one; measured again, on the same parameters and the same probe set, the first stands.
  static func insert(
    _ ablation: Ablation, of examination: Int, _ blockIDs: [Int], _ db: Database
  ) throws {
    let single = ablation.ordinals.count == 1 ? blockIDs[ablation.ordinals[0]] : nil
    try db.cachedStatement(sql: insert).execute(
      arguments: values(ablation, of: examination, single: single))
  }

  /// All of an examination, the smallest sets first; without what was edited into nonsense.
  static func fetch(examination: Int, _ db: Database) throws -> [Ablation] {
    try Row.fetchAll(
      db, sql: "SELECT * FROM ablation WHERE examination_id = ?", arguments: [examination]
    ).compactMap(ablation).sorted {
      ($0.ordinals.count, $0.ordinals[0]) < ($1.ordinals.count, $1.ordinals[0])
    }
  }

  private static func values(
    _ ablation: Ablation, of examination: Int, single: Int?
  ) -> StatementArguments {
    let gap = ablation.identityGap
    let head: StatementArguments = [
      examination, OrdinalsText.write(ablation.ordinals), single, ablation.wallTime,
      ablation.lossChanges.n, ablation.lossChanges.mean, ablation.lossChanges.m2,
      ablation.nonFinite,
    ]
    let changes: StatementArguments = [
      ablation.loss?.lower, ablation.loss?.upper, ablation.halves?.even, ablation.halves?.odd,
      ablation.error?.value, ablation.error?.lower, ablation.error?.upper,
    ]
    guard gap.n > 0 else {
      return head + changes + StatementArguments([Int?](repeating: nil, count: 8))
    }
    return head + changes + [
      gap.n, gap.p50, gap.p90, gap.p99, gap.max, gap.logs.n, gap.logs.mean, gap.logs.m2,
    ]
  }

  private static let insert = """
    INSERT INTO ablation (examination_id, blocks, block_id, wall_time, loss_change_n, loss_change,
      loss_change_m2, non_finite, loss_change_lower, loss_change_upper, loss_change_even,
      loss_change_odd, error_change, error_change_lower, error_change_upper, identity_gap_n,
      identity_gap_p50, identity_gap_p90, identity_gap_p99, identity_gap_max, identity_gap_log_n,
      identity_gap_log_mean, identity_gap_log_m2)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (examination_id, blocks) DO NOTHING
    """

  /// A row as it was measured; nil for one that was edited into nonsense.
  private static func ablation(_ row: Row) -> Ablation? {
    let ordinals = OrdinalsText.read(row["blocks"])
    guard !ordinals.isEmpty,
      let changes = Moments(
        n: row["loss_change_n"], mean: row["loss_change"], m2: row["loss_change_m2"])
    else { return nil }
    var ablation = Ablation(ordinals: ordinals, wallTime: row["wall_time"], lossChanges: changes)
    ablation.nonFinite = row["non_finite"]
    if let lower = row["loss_change_lower"] as Double?,
      let upper = row["loss_change_upper"] as Double?
    {
      ablation.loss = Ablation.Change(value: changes.mean, lower: lower, upper: upper)
    }
    if let even = row["loss_change_even"] as Double?, let odd = row["loss_change_odd"] as Double? {
      ablation.halves = Ablation.Halves(even: even, odd: odd)
    }
    if let value = row["error_change"] as Double?, let lower = row["error_change_lower"] as Double?,
      let upper = row["error_change_upper"] as Double?
    {
      ablation.error = Ablation.Change(value: value, lower: lower, upper: upper)
    }
    if let n = row["identity_gap_n"] as Int?, let logN = row["identity_gap_log_n"] as Int?,
      let logs = Moments(
        n: logN, mean: row["identity_gap_log_mean"] ?? 0, m2: row["identity_gap_log_m2"] ?? 0)
    {
      ablation.identityGap = LogDistribution(
        n: n, logs: logs, p50: row["identity_gap_p50"], p90: row["identity_gap_p90"],
        p99: row["identity_gap_p99"], max: row["identity_gap_max"])
    }
    return ablation
  }
}
