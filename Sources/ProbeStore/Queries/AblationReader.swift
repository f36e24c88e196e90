import GRDB
import ProbeCore

/// Reads the examination that speaks for a run, which the view `run_examination` names.
struct AblationReader {
  let run: Int
  let db: Database

  /// The examination with its ablations; nil where there is none.
  func ablations() throws -> Ablations? {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT x.id, x.uuid, x.step, x.samples, x.planned, x.base_loss, x.base_error, x.confidence
        FROM run_examination AS e JOIN examination AS x ON x.id = e.examination_id
        WHERE e.run_id = ?
        """, arguments: [run])
    guard let row, let identity = Identity(row[1] as String) else { return nil }
    let examination = Examination(
      identity: identity, step: row[2], samples: row[3], planned: row[4], baseLoss: row[5],
      baseError: row[6], confidence: row[7])
    let rows = try Row.fetchAll(
      db, sql: "SELECT * FROM ablation WHERE examination_id = ?", arguments: [row[0] as Int])
    let all = rows.compactMap(ablation).sorted {
      ($0.ordinals.count, $0.ordinals[0]) < ($1.ordinals.count, $1.ordinals[0])
    }
    return Ablations(examination, all)
  }

  /// A row as it was measured; nil for one that was edited into nonsense.
  private func ablation(_ row: Row) -> Ablation? {
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
