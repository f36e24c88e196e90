/// The statements that lead from each version of the schema to the next.
///
/// They stay as they are when `schema.sql` goes on: what they make is explained there.
enum SchemaUpgrades {
  /// By the version they start from.
  static let all = [1: fromVersion1]

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
}
