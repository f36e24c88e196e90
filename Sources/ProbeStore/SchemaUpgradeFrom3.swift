extension SchemaUpgrades {
  /// What examinations measure beside ablations, and the views on it.
  static let fromVersion3 = """
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
    DROP VIEW run_examination;
    CREATE VIEW run_examination AS
    SELECT
      r.id AS run_id,
      x.id AS examination_id,
      x.step,
      x.samples,
      x.planned,
      (SELECT count(*) FROM ablation AS a WHERE a.examination_id = x.id AND a.block_id IS NOT NULL) AS blocks,
      x.base_loss,
      x.base_error,
      x.confidence,
      max(0.02 * abs(x.base_loss), iif(x.base_error IS NULL, 0.0, 0.01)) AS tolerance
    FROM run AS r
    CROSS JOIN examination AS x ON x.id = (
      SELECT id
      FROM (
        SELECT id, step, blocks, max(blocks) OVER () AS most
        FROM (
          SELECT
            y.id, y.step,
            (SELECT count(*) FROM ablation AS a WHERE a.examination_id = y.id AND a.block_id IS NOT NULL) AS blocks
          FROM examination AS y
          JOIN attempt AS t ON t.id = y.attempt_id
          WHERE y.run_id = r.id AND (t.superseded_from IS NULL OR y.step <= t.superseded_from)))
      ORDER BY 2 * blocks >= most DESC, step DESC, blocks DESC, id DESC LIMIT 1);
    CREATE VIEW depth_profile AS
    SELECT
      p.run_id,
      p.block_id,
      p.ordinal,
      p.name,
      p.kind,
      p.stage,
      p.records,
      p.identity_gap_squared,
      p.identity_gap_squared / sum(p.identity_gap_squared) OVER (PARTITION BY p.run_id) AS identity_gap_squared_share,
      p.block_influence,
      p.block_influence / sum(p.block_influence) OVER (PARTITION BY p.run_id) AS block_influence_share,
      p.taylor_importance,
      p.taylor_importance / sum(p.taylor_importance) OVER (PARTITION BY p.run_id) AS taylor_importance_share,
      a.loss_change,
      max(a.loss_change, 0) / sum(max(a.loss_change, 0)) OVER (PARTITION BY p.run_id) AS loss_change_share,
      p.branch_gain,
      iif(p.kind = 'residual', p.branch_gain / (1 + p.branch_gain), NULL) AS path_share,
      p.parameters,
      p.macs
    FROM (
      SELECT
        r.id AS run_id, b.id AS block_id, b.ordinal, b.name, b.kind, b.stage, b.parameters, b.macs,
        max(x.id) AS examination_id,
        count(DISTINCT s.step) AS records,
        avg(s.identity_gap_p50 * s.identity_gap_p50) AS identity_gap_squared,
        iif(avg(s.block_influence_mean) < 1e-12, 0.0, avg(s.block_influence_mean)) AS block_influence,
        avg(s.taylor_importance_mean) AS taylor_importance,
        avg(s.branch_gain_mean) AS branch_gain
      FROM run AS r
      LEFT JOIN examination AS x ON x.id = (SELECT e.examination_id FROM run_examination AS e WHERE e.run_id = r.id)
      CROSS JOIN attempt AS a ON a.run_id = r.id
      CROSS JOIN journal AS j ON j.attempt_id = a.id
      CROSS JOIN frame AS f
        ON f.run_id = r.id AND f.attempt_id = a.id AND f.rank = j.rank
        AND f.step >= (
          SELECT min(step)
          FROM (
            SELECT DISTINCT g.step
            FROM attempt AS t
            CROSS JOIN journal AS k ON k.attempt_id = t.id
            CROSS JOIN frame AS g ON g.run_id = t.run_id AND g.attempt_id = t.id AND g.rank = k.rank
              AND g.step >= (SELECT coalesce(min(v.window_start), 0) FROM verdict AS v WHERE v.run_id = r.id)
            WHERE t.run_id = r.id
              AND +g.step >= t.first_step AND (t.superseded_from IS NULL OR +g.step < t.superseded_from)
            ORDER BY g.step DESC LIMIT 60))
      CROSS JOIN block AS b ON b.run_id = r.id
      LEFT JOIN block_statistics AS s
        ON s.run_id = r.id AND s.attempt_id = a.id AND s.rank = j.rank AND s.step = f.step AND s.block_id = b.id
      WHERE +f.step >= a.first_step AND (a.superseded_from IS NULL OR +f.step < a.superseded_from)
      GROUP BY r.id, b.id) AS p
    LEFT JOIN ablation AS a
      ON a.examination_id = p.examination_id AND a.blocks = '[' || p.ordinal || ']' AND a.non_finite = 0;
    CREATE VIEW span AS
    SELECT
      e.run_id,
      e.step,
      f.stage,
      f.ordinal AS start,
      l.ordinal - f.ordinal + 1 AS length,
      f.name AS first_name,
      l.name AS last_name,
      s.angular_distance_mean AS angular_distance,
      s.span_gap,
      s.cka,
      a.loss_change,
      a.loss_change_lower,
      a.loss_change_upper,
      a.error_change,
      a.error_change_lower,
      a.error_change_upper,
      a.non_finite
    FROM run_examination AS e
    CROSS JOIN similarity AS s ON s.examination_id = e.examination_id
    CROSS JOIN block AS f ON f.id = s.block_id
    CROSS JOIN block AS l ON l.id = s.later_block_id
    LEFT JOIN ablation AS a ON a.examination_id = e.examination_id AND a.blocks = (
      SELECT '[' || group_concat(ordinal) || ']'
      FROM (
        SELECT b.ordinal FROM block AS b
        WHERE b.run_id = e.run_id AND b.ordinal BETWEEN f.ordinal AND l.ordinal ORDER BY b.ordinal))
    WHERE s.angular_distance_n > 0 OR s.span_gap_n > 0;
    CREATE VIEW removal_curve AS
    SELECT
      e.run_id,
      e.step,
      o.strategy,
      o.number,
      o.place,
      o.block_id,
      b.ordinal,
      b.name,
      a.loss_change,
      a.loss_change_lower,
      a.loss_change_upper,
      a.loss_change_odd + 1.4142135623730951 * (a.loss_change_upper - a.loss_change) AS held_out_upper,
      a.error_change,
      a.error_change_lower,
      a.error_change_upper,
      a.non_finite
    FROM run_examination AS e
    CROSS JOIN removal_order AS o ON o.examination_id = e.examination_id
    CROSS JOIN block AS b ON b.id = o.block_id
    LEFT JOIN ablation AS a ON a.examination_id = e.examination_id AND a.blocks = (
      SELECT '[' || group_concat(ordinal) || ']'
      FROM (
        SELECT c.ordinal
        FROM removal_order AS p
        CROSS JOIN block AS c ON c.id = p.block_id
        WHERE p.examination_id = o.examination_id AND p.strategy = o.strategy AND p.number = o.number
          AND p.place <= o.place
        ORDER BY c.ordinal))
    WHERE o.place = (
      SELECT count(*) FROM removal_order AS p
      WHERE p.examination_id = o.examination_id AND p.strategy = o.strategy AND p.number = o.number
        AND p.place < o.place);
    CREATE VIEW candidate AS
    SELECT
      c.run_id,
      c.place,
      c.block_id,
      c.ordinal,
      c.name,
      c.stage,
      c.parameters,
      c.macs,
      c.basis,
      c.basis = 'measured'
        OR ifnull(a.loss_change_upper <= c.tolerance AND ifnull(a.error_change_lower, 0) <= 0.01, 0) AS confirmed,
      c.tolerance,
      c.sum_of_singles,
      iif(a.non_finite = 0, a.loss_change, NULL) AS loss_change,
      a.loss_change_lower,
      a.loss_change_upper,
      iif(c.basis = 'measured', a.loss_change_odd + 1.4142135623730951 * (a.loss_change_upper - a.loss_change), NULL)
        AS held_out_upper,
      a.error_change,
      a.error_change_lower,
      a.error_change_upper
    FROM (
      SELECT
        u.*, b.ordinal, b.name, b.stage, b.parameters, b.macs,
        '[' || group_concat(b.ordinal) OVER (
          PARTITION BY u.run_id ORDER BY b.ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) || ']' AS blocks,
        iif(
          count(s.loss_change) OVER (PARTITION BY u.run_id) = count(*) OVER (PARTITION BY u.run_id),
          sum(s.loss_change) OVER (PARTITION BY u.run_id), NULL) AS sum_of_singles
      FROM (
        SELECT run_id, examination_id, tolerance, 'measured' AS basis, place, block_id
        FROM (
          SELECT
            k.run_id, e.examination_id, e.tolerance, k.place, k.block_id,
            sum(ifnull(
              k.non_finite > 0 OR k.held_out_upper > e.tolerance OR ifnull(k.error_change_lower, 0) > 0.01, 1))
              OVER (PARTITION BY k.run_id ORDER BY k.place) AS failed
          FROM removal_curve AS k
          CROSS JOIN run_examination AS e ON e.run_id = k.run_id
          WHERE k.strategy = 'greedy' AND k.number = 0
            AND EXISTS (SELECT 1 FROM verdict AS v WHERE v.run_id = k.run_id AND v.loss_change IS NOT NULL))
        WHERE failed = 0
        UNION ALL
        SELECT
          run_id, iif(counts, examination_id, NULL), iif(counts, tolerance, NULL), 'verdicts', place, block_id
        FROM (
          SELECT
            d.run_id, d.block_id,
            row_number() OVER (
              PARTITION BY d.run_id ORDER BY d.taylor_importance IS NULL, d.taylor_importance, d.ordinal) - 1 AS place,
            EXISTS (SELECT 1 FROM verdict AS w WHERE w.run_id = d.run_id AND w.loss_change IS NOT NULL) AS counts,
            EXISTS (
              SELECT 1 FROM removal_curve AS k
              WHERE k.run_id = d.run_id AND k.strategy = 'greedy' AND k.number = 0 AND k.place = 0 AND k.non_finite IS NOT NULL
            ) AS has_curve,
            (SELECT e.examination_id FROM run_examination AS e WHERE e.run_id = d.run_id) AS examination_id,
            (SELECT e.tolerance FROM run_examination AS e WHERE e.run_id = d.run_id) AS tolerance
          FROM depth_profile AS d
          CROSS JOIN verdict AS v ON v.block_id = d.block_id
          WHERE v.verdict IN ('strict_identity', 'near_identity') AND v.confirmation IS NOT 'contradicted')
        WHERE NOT (counts AND has_curve)) AS u
      CROSS JOIN block AS b ON b.id = u.block_id
      LEFT JOIN ablation AS s
        ON s.examination_id = u.examination_id AND s.blocks = '[' || b.ordinal || ']' AND s.non_finite = 0) AS c
    LEFT JOIN ablation AS a ON a.examination_id = c.examination_id AND a.blocks = c.blocks;
    """
}
