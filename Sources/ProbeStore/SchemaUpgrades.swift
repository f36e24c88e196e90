/// The statements that lead from each version of the schema to the next.
///
/// They stay as they are when `schema.sql` goes on: what they make is explained there. Views are made anew
/// after them (``Schema``): a later upgrade has none.
enum SchemaUpgrades {
  /// By the version they start from.
  static let all = [1: fromVersion1, 2: fromVersion2, 3: fromVersion3]

  /// Findings, and what they need to be kept current; all runs are judged anew.
  private static let fromVersion1 = """
    ALTER TABLE attempt ADD COLUMN unseen INTEGER NOT NULL DEFAULT 1 CHECK (unseen IN (0, 1));
    ALTER TABLE journal ADD COLUMN unknown_records INTEGER NOT NULL DEFAULT 0
      CHECK (unknown_records >= 0);
    ALTER TABLE journal ADD COLUMN unseen_from INTEGER CHECK (unseen_from >= 0);
    ALTER TABLE journal ADD COLUMN unseen_to INTEGER CHECK (unseen_to >= 0);
    ALTER TABLE journal ADD COLUMN finished_at REAL;
    CREATE TABLE block_window (
      run_id INTEGER NOT NULL REFERENCES run (id),
      last_step INTEGER NOT NULL CHECK (last_step >= 0),
      block_id INTEGER NOT NULL REFERENCES block (id),
      first_step INTEGER NOT NULL CHECK (first_step >= 0),
      records INTEGER NOT NULL CHECK (records >= 0),
      gap REAL,
      upper REAL,
      identity INTEGER NOT NULL CHECK (identity IN (0, 1)),
      streak INTEGER NOT NULL CHECK (streak >= 0),
      streak_start INTEGER CHECK (streak_start >= 0),
      PRIMARY KEY (run_id, last_step, block_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE finding (
      id INTEGER PRIMARY KEY,
      run_id INTEGER NOT NULL REFERENCES run (id),
      kind TEXT NOT NULL CHECK (kind IN (
        'verdict_changed', 'non_finite_samples', 'silent_blocks', 'dropped_frames',
        'newer_recorder')),
      block_id INTEGER REFERENCES block (id),
      identity INTEGER CHECK (identity IN (0, 1)),
      first_step INTEGER,
      noticed_step INTEGER,
      noticed_at REAL,
      count INTEGER CHECK (count >= 0)
    ) STRICT;
    CREATE UNIQUE INDEX finding_once
      ON finding (run_id, kind, coalesce(block_id, 0), coalesce(first_step, -1));
    CREATE VIEW run_finding AS
    SELECT
      f.run_id,
      f.kind,
      f.block_id,
      b.ordinal,
      b.name,
      f.identity,
      f.first_step,
      f.noticed_step,
      f.noticed_at,
      f.count
    FROM finding AS f
    LEFT JOIN block AS b ON b.id = f.block_id;
    UPDATE run SET verdicts_due = 1;
    """

  /// Examinations with their ablations, and what they make of verdicts; all runs are judged anew.
  private static let fromVersion2 = """
    CREATE TABLE examination (
      id INTEGER PRIMARY KEY,
      run_id INTEGER NOT NULL,
      attempt_id INTEGER NOT NULL,
      rank INTEGER NOT NULL,
      uuid TEXT NOT NULL,
      step INTEGER NOT NULL CHECK (step >= 0),
      samples INTEGER NOT NULL CHECK (samples >= 2),
      planned INTEGER NOT NULL CHECK (planned >= 1),
      base_loss REAL NOT NULL,
      base_error REAL CHECK (base_error BETWEEN 0 AND 1),
      confidence REAL NOT NULL,
      UNIQUE (run_id, attempt_id, rank, uuid),
      FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
    ) STRICT;
    CREATE TABLE ablation (
      examination_id INTEGER NOT NULL REFERENCES examination (id),
      blocks TEXT NOT NULL,
      block_id INTEGER REFERENCES block (id),
      wall_time REAL NOT NULL,
      loss_change_n INTEGER NOT NULL,
      loss_change REAL NOT NULL,
      loss_change_m2 REAL NOT NULL,
      non_finite INTEGER NOT NULL CHECK (non_finite >= 0),
      loss_change_lower REAL,
      loss_change_upper REAL,
      loss_change_even REAL,
      loss_change_odd REAL,
      error_change REAL,
      error_change_lower REAL,
      error_change_upper REAL,
      identity_gap_n INTEGER,
      identity_gap_p50 REAL,
      identity_gap_p90 REAL,
      identity_gap_p99 REAL,
      identity_gap_max REAL,
      identity_gap_log_n INTEGER,
      identity_gap_log_mean REAL,
      identity_gap_log_m2 REAL,
      PRIMARY KEY (examination_id, blocks)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE verdict ADD COLUMN constant_fraction REAL;
    ALTER TABLE verdict ADD COLUMN constant_lower REAL;
    ALTER TABLE verdict ADD COLUMN perpendicular_ratio REAL;
    ALTER TABLE verdict ADD COLUMN perpendicular_upper REAL;
    ALTER TABLE verdict ADD COLUMN loss_change REAL;
    ALTER TABLE verdict ADD COLUMN loss_change_lower REAL;
    ALTER TABLE verdict ADD COLUMN loss_change_upper REAL;
    ALTER TABLE verdict ADD COLUMN confirmation TEXT
      CHECK (confirmation IN ('confirmed', 'contradicted', 'open'));
    DROP VIEW low_gap;
    DROP VIEW block_latest;
    CREATE VIEW block_latest AS
    SELECT
      r.id AS run_id,
      s.step,
      s.block_id,
      b.ordinal,
      b.name,
      b.kind,
      b.shortcut,
      b.stage,
      b.parameters,
      b.macs,
      sum(s.samples) AS samples,
      count(*) > 1 AS percentiles_approximate,
      sum(s.identity_gap_p50 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p50,
      sum(s.identity_gap_p90 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p90,
      max(s.identity_gap_max) AS identity_gap_max,
      sum(s.residual_ratio_p50 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p50,
      sum(s.cosine_mean * s.cosine_n) / sum(s.cosine_n) AS cosine_mean,
      sum(s.taylor_importance_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_importance_mean,
      sum(s.output_grad_norm_mean * s.output_grad_norm_n) / sum(s.output_grad_norm_n) AS output_grad_norm_mean,
      max(s.weight_norm) FILTER (WHERE s.rank = 0) AS weight_norm,
      max(s.gradient_norm) FILTER (WHERE s.rank = 0) AS gradient_norm,
      max(s.gate_rms) FILTER (WHERE s.rank = 0) AS gate_rms,
      v.verdict,
      v.origin,
      v.since_step,
      v.gap AS verdict_gap,
      v.lower AS verdict_lower,
      v.upper AS verdict_upper,
      v.confidence,
      v.missing,
      v.confirmation,
      v.loss_change
    FROM run AS r
    CROSS JOIN attempt AS a ON a.run_id = r.id
    CROSS JOIN journal AS j ON j.attempt_id = a.id
    CROSS JOIN block_statistics AS s
      ON s.run_id = r.id AND s.attempt_id = a.id AND s.rank = j.rank
      AND s.step = (
        SELECT max(f.step)
        FROM attempt AS e
        CROSS JOIN frame AS f ON f.run_id = e.run_id AND f.attempt_id = e.id
        WHERE e.run_id = r.id AND f.step >= e.first_step
          AND (e.superseded_from IS NULL OR f.step < e.superseded_from))
    CROSS JOIN block AS b ON b.id = s.block_id
    LEFT JOIN verdict AS v ON v.block_id = b.id
    WHERE +s.step >= a.first_step AND (a.superseded_from IS NULL OR +s.step < a.superseded_from)
    GROUP BY r.id, s.block_id;
    CREATE VIEW low_gap AS
    SELECT run_id, step, block_id, ordinal, name, identity_gap_p50, identity_gap_p90, verdict
    FROM block_latest
    WHERE identity_gap_p50 < 0.05;
    CREATE VIEW run_examination AS
    SELECT
      run_id,
      examination_id,
      step,
      samples,
      planned,
      blocks,
      base_loss,
      base_error,
      confidence
    FROM (
      SELECT *, row_number() OVER (
        PARTITION BY run_id ORDER BY 2 * blocks >= most DESC, step DESC, blocks DESC, examination_id DESC) AS place
      FROM (
        SELECT *, max(blocks) OVER (PARTITION BY run_id) AS most
        FROM (
          SELECT
            x.run_id, x.id AS examination_id, x.step, x.samples, x.planned, count(a.block_id) AS blocks,
            x.base_loss, x.base_error, x.confidence
          FROM examination AS x
          JOIN attempt AS t ON t.id = x.attempt_id
          LEFT JOIN ablation AS a ON a.examination_id = x.id
          WHERE t.superseded_from IS NULL OR x.step <= t.superseded_from
          GROUP BY x.id)))
    WHERE place = 1;
    CREATE VIEW block_ablation AS
    SELECT
      e.run_id,
      e.step,
      a.block_id,
      b.ordinal,
      b.name,
      e.samples,
      e.base_loss,
      e.base_error,
      e.confidence,
      a.loss_change,
      a.loss_change_lower,
      a.loss_change_upper,
      a.error_change,
      a.error_change_lower,
      a.error_change_upper,
      a.non_finite,
      a.identity_gap_p50,
      a.identity_gap_p90,
      v.verdict,
      v.confirmation
    FROM run_examination AS e
    JOIN ablation AS a ON a.examination_id = e.examination_id
    JOIN block AS b ON b.id = a.block_id
    LEFT JOIN verdict AS v ON v.block_id = b.id;
    UPDATE run SET verdicts_due = 1;
    """

  /// What examinations measure beside ablations.
  private static let fromVersion3 = """
    CREATE TABLE similarity (
      examination_id INTEGER NOT NULL REFERENCES examination (id),
      block_id INTEGER NOT NULL REFERENCES block (id),
      later_block_id INTEGER NOT NULL REFERENCES block (id),
      angular_distance_n INTEGER,
      angular_distance_mean REAL,
      angular_distance_m2 REAL,
      span_gap REAL,
      span_gap_n INTEGER,
      span_gap_log_n INTEGER,
      span_gap_log_mean REAL,
      span_gap_log_m2 REAL,
      cka REAL CHECK (cka BETWEEN -1 AND 1),
      branch_cka REAL CHECK (branch_cka BETWEEN -1 AND 1),
      PRIMARY KEY (examination_id, block_id, later_block_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE reuse (
      examination_id INTEGER NOT NULL REFERENCES examination (id),
      block_id INTEGER NOT NULL REFERENCES block (id),
      source INTEGER NOT NULL CHECK (source >= -1),
      maps INTEGER NOT NULL CHECK (maps >= 1),
      mean_weight REAL NOT NULL CHECK (mean_weight >= 0),
      PRIMARY KEY (examination_id, block_id, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE removal_order (
      examination_id INTEGER NOT NULL REFERENCES examination (id),
      strategy TEXT NOT NULL CHECK (strategy IN ('greedy', 'deepest_first', 'random')),
      number INTEGER NOT NULL CHECK (number >= 0),
      place INTEGER NOT NULL CHECK (place >= 0),
      block_id INTEGER NOT NULL REFERENCES block (id),
      PRIMARY KEY (examination_id, strategy, number, place),
      UNIQUE (examination_id, strategy, number, block_id)
    ) STRICT, WITHOUT ROWID;
    """
}
