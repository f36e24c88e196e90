-- A store as version 3 of the schema kept it: version-2.sql after its upgrade with ablations.rpj taken in, then sqlite3's .dump.
PRAGMA application_id = 1380993585;
PRAGMA user_version = 3;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE store (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uuid TEXT NOT NULL,            -- random, 32 hexadecimal digits; a copy keeps it
  created_at REAL NOT NULL       -- seconds since 1970
) STRICT;
INSERT INTO store VALUES(1,'17f569f22b5c2e3483bc82374994cb3c',1795563645.0);
CREATE TABLE run (
  id INTEGER PRIMARY KEY,        -- the number that `report --run 42` takes; never used again
  uuid TEXT NOT NULL UNIQUE,     -- the recorder's identity of the run, 32 hexadecimal digits
  name TEXT NOT NULL,            -- a label; several runs may share one
  project TEXT NOT NULL,         -- '' where none was given
  started_at REAL NOT NULL,      -- start of its first attempt
  last_seen_at REAL NOT NULL,    -- time of its last frame, opening or end
  status TEXT NOT NULL DEFAULT 'running'  -- of its newest attempt; a killed run stays 'running'
    CHECK (status IN ('running', 'completed', 'failed')),
  planned_steps INTEGER CHECK (planned_steps >= 0),  -- where known
  verdicts_due INTEGER NOT NULL DEFAULT 0 CHECK (verdicts_due IN (0, 1)),  -- frames came that no verdict has seen
  recorder TEXT NOT NULL,        -- framework and recorder with their versions
  config TEXT NOT NULL DEFAULT '{}'  -- the user's configuration, secrets redacted
) STRICT;
INSERT INTO run VALUES(1,'202122232425262728292a2b2c2d2e2f','golden','tests',1750000000.0,1750000500.0,'completed',200,0,'golden; recorder 0.1.0','{"lr":"0.1"}');
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id),
  uuid TEXT NOT NULL,            -- shared by all ranks of the start
  number INTEGER NOT NULL CHECK (number >= 1),  -- 1, 2, 3 … by start time
  started_at REAL NOT NULL,
  first_step INTEGER NOT NULL CHECK (first_step >= 0),  -- in force from here on …
  superseded_from INTEGER CHECK (superseded_from >= 0), -- … up to before here, where a later attempt took over
  world_size INTEGER NOT NULL CHECK (world_size >= 1),  -- processes that should report
  status TEXT NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'completed', 'failed')),
  finished_at REAL,              -- NULL while it has not ended in order
  last_step INTEGER CHECK (last_step >= 0), unseen INTEGER NOT NULL DEFAULT 1 CHECK (unseen IN (0, 1)),  -- last optimizer step, measured or not; NULL until it ended
  UNIQUE (run_id, uuid)
) STRICT;
INSERT INTO attempt VALUES(1,1,'303132333435363738393a3b3c3d3e3f',1,1750000000.0,0,NULL,1,'completed',1750000500.0,199,0);
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,     -- the first part of its segments' file names
  run_id INTEGER NOT NULL REFERENCES run (id),
  attempt_id INTEGER NOT NULL REFERENCES attempt (id),
  rank INTEGER NOT NULL CHECK (rank >= 0),  -- the process among those of the attempt, from 0
  host TEXT NOT NULL,            -- the machine it ran on
  block_map TEXT NOT NULL DEFAULT 'awaited'  -- whether its block map is the run's; frames are taken only if so
    CHECK (block_map IN ('awaited', 'agreed', 'contradicts')),
  rejected_records INTEGER NOT NULL DEFAULT 0 CHECK (rejected_records >= 0),  -- passed over: they contradict the block map or are of an unknown kind
  first_rejection TEXT,          -- why, for the first of them
  dropped_frames INTEGER NOT NULL DEFAULT 0 CHECK (dropped_frames >= 0), unknown_records INTEGER NOT NULL DEFAULT 0
  CHECK (unknown_records >= 0), unseen_from INTEGER CHECK (unseen_from >= 0), unseen_to INTEGER CHECK (unseen_to >= 0), finished_at REAL,  -- frames the recorder could not write
  UNIQUE (attempt_id, rank),
  UNIQUE (run_id, attempt_id, rank)
) STRICT;
INSERT INTO journal VALUES(1,'101112131415161718191a1b1c1d1e1f',1,1,0,'host','agreed',0,NULL,0,0,NULL,NULL,NULL);
CREATE TABLE journal_segment (
  journal_id INTEGER NOT NULL REFERENCES journal (id),
  segment INTEGER NOT NULL CHECK (segment >= 0),  -- place among the journal's files, from 0
  offset INTEGER NOT NULL CHECK (offset >= 0),  -- bytes; all before is in the store
  damage TEXT,                   -- why nothing after the offset can be read; NULL: nothing wrong
  PRIMARY KEY (journal_id, segment)
) STRICT, WITHOUT ROWID;
INSERT INTO journal_segment VALUES(1,0,915,NULL);
INSERT INTO journal_segment VALUES(1,1,550,NULL);
INSERT INTO journal_segment VALUES(1,2,845,NULL);
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id),
  ordinal INTEGER NOT NULL CHECK (ordinal >= 0),  -- place in the network, from 0
  name TEXT NOT NULL,            -- module path
  kind TEXT NOT NULL             -- residual: h = s(x) + F; plain: no shortcut, F := y - x; concat: dense block
    CHECK (kind IN ('residual', 'plain', 'concat')),
  shortcut TEXT NOT NULL         -- what is added to F; "y = x" can be asked only of identity (and plain)
    CHECK (shortcut IN ('identity', 'projection', 'none')),
  stage INTEGER NOT NULL CHECK (stage >= 0),  -- maximal run of blocks whose stream has one shape
  sample_axis TEXT NOT NULL CHECK (sample_axis IN ('row', 'token')),  -- what counts as one sample
  activation TEXT NOT NULL CHECK (activation IN ('identity', 'relu')),  -- the activation right after the add
  shape TEXT NOT NULL,  -- of the stream without its sample axis, as JSON; [] unknown
  parameters INTEGER CHECK (parameters >= 0),  -- trained parameters of the branch
  macs INTEGER CHECK (macs >= 0),              -- multiply-accumulates of the branch for one sample
  gate TEXT,                     -- module path of what scales the branch (LayerScale, ReZero)
  drop_probability REAL CHECK (drop_probability BETWEEN 0 AND 1),  -- configured stochastic depth
  UNIQUE (run_id, ordinal),
  UNIQUE (run_id, name)
) STRICT;
INSERT INTO block VALUES(1,1,0,'layer1.0','residual','identity',0,'row','relu','[64]',8448,8192,NULL,NULL);
INSERT INTO block VALUES(2,1,1,'layer1.1','residual','projection',1,'row','identity','[]',NULL,NULL,'layer1.1.gamma',0.25);
CREATE TABLE frame (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),  -- optimizer step; 0 is before any update
  loss REAL,                     -- training loss; NULL: not logged, or NaN
  loss_is_nan INTEGER NOT NULL CHECK (loss_is_nan IN (0, 1)),  -- tells the two apart
  learning_rate REAL,            -- of the first parameter group
  loss_scale REAL,               -- what gradients were scaled by (mixed precision)
  skipped INTEGER NOT NULL CHECK (skipped IN (0, 1)),  -- the scaler skipped this update
  wall_time REAL NOT NULL,       -- when the step ended
  recorder_seconds REAL NOT NULL CHECK (recorder_seconds >= 0),  -- what the recorder cost the loop since the frame before
  dropped_frames INTEGER NOT NULL CHECK (dropped_frames >= 0),   -- since the frame before
  PRIMARY KEY (run_id, attempt_id, rank, step),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;
INSERT INTO frame VALUES(1,1,0,0,2.25,0,0.10000000000000000555,NULL,0,1750000000.0,0.0002500000000000000052,0);
INSERT INTO frame VALUES(1,1,0,10,2.25,0,0.10000000000000000555,NULL,0,1750000010.0,0.0002500000000000000052,0);
INSERT INTO frame VALUES(1,1,0,20,2.25,0,0.10000000000000000555,NULL,0,1750000020.0,0.0002500000000000000052,0);
CREATE TABLE metric (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  key TEXT NOT NULL,             -- the user's name for it
  step INTEGER NOT NULL CHECK (step >= 0),
  value REAL,                    -- NULL: NaN was logged
  PRIMARY KEY (run_id, attempt_id, rank, key, step),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;
INSERT INTO metric VALUES(1,1,0,'accuracy',0,0.5);
INSERT INTO metric VALUES(1,1,0,'accuracy',10,0.5);
INSERT INTO metric VALUES(1,1,0,'accuracy',20,0.5);
INSERT INTO metric VALUES(1,1,0,'lr [31m',11,0.050000000000000002775);
CREATE TABLE block_statistics (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  step INTEGER NOT NULL CHECK (step >= 0),
  block_id INTEGER NOT NULL REFERENCES block (id),
  samples INTEGER NOT NULL CHECK (samples >= 0),        -- samples that reached the block
  micro_batches INTEGER NOT NULL CHECK (micro_batches >= 0),  -- micro-batches pooled into the step
  dropped INTEGER NOT NULL CHECK (dropped >= 0),        -- samples whose branch stochastic depth dropped: in no statistic
  undefined INTEGER NOT NULL CHECK (undefined >= 0),    -- samples with x = 0: no gap
  non_finite INTEGER NOT NULL CHECK (non_finite >= 0),  -- samples with NaN or infinity: in no statistic
  -- identity_gap = sqrt(q/a) = |y - x| / |x|: the measure of identity. 0: the block does nothing.
  identity_gap_n INTEGER,
  identity_gap_p50 REAL,
  identity_gap_p90 REAL,
  identity_gap_p99 REAL,
  identity_gap_max REAL,
  identity_gap_log_n INTEGER,    -- samples with a gap above 0, over which the logarithms are taken
  identity_gap_log_mean REAL,    -- natural logarithm
  identity_gap_log_m2 REAL,
  identity_gap_histogram TEXT,   -- JSON {"slot": samples}, for json_each(); slot i from 0 to 95 is [2^(-20+i/4), 2^(-20+(i+1)/4)), 96 zero, 97 under, 98 over, 99 undefined, 100 non-finite
  -- residual_ratio = sqrt(b/a) = |F| / |x|: compare with step 0, it is about 1/sqrt(depth) at initialisation.
  residual_ratio_n INTEGER,
  residual_ratio_p50 REAL,
  residual_ratio_p90 REAL,
  residual_ratio_p99 REAL,
  residual_ratio_max REAL,
  residual_ratio_log_n INTEGER,
  residual_ratio_log_mean REAL,
  residual_ratio_log_m2 REAL,
  cosine_n INTEGER,              -- cosine of F and x: +1 only rescales x, -1 erases it; undefined for F = 0
  cosine_mean REAL,
  cosine_m2 REAL,
  perpendicular_ratio_n INTEGER, -- the part of y - x that turns x, over |x|
  perpendicular_ratio_mean REAL,
  perpendicular_ratio_m2 REAL,
  angular_distance_n INTEGER,    -- angle between x and y over pi, 0 to 1
  angular_distance_mean REAL,
  angular_distance_m2 REAL,
  block_influence_n INTEGER,     -- 1 - cos(x, y); blind to rescaling
  block_influence_mean REAL,
  block_influence_m2 REAL,
  stream_rms_n INTEGER,          -- elements
  stream_rms REAL,               -- root mean square of x
  branch_rms_n INTEGER,          -- elements
  branch_rms REAL,               -- root mean square of F
  output_grad_norm_n INTEGER,    -- |n g_i|: norm of the gradient of a sample's own loss, n samples in the micro-batch
  output_grad_norm_mean REAL,
  output_grad_norm_m2 REAL,
  branch_gain_n INTEGER,         -- |dl/dx - g| / |g|: weight of the gradient's path through F
  branch_gain_mean REAL,
  branch_gain_m2 REAL,
  taylor_importance_n INTEGER,   -- |<n g_i, F_i>|: orders the blocks of one run; its level is no cost
  taylor_importance_mean REAL,
  taylor_importance_m2 REAL,
  taylor_signed_mean REAL,       -- mean of <n g_i, F_i>
  gate_gradient REAL,            -- sum of gamma dgamma + beta dbeta of the last norm (or W dW + b db) = sum of <g, F>
  weight_norm REAL,              -- |theta| of the block's parameters
  gradient_norm REAL,            -- |dl/dtheta|, unscaled, after clipping
  update_ratio REAL,             -- |update of theta| / |theta|
  gate_rms REAL,                 -- root mean square of last-norm gamma, LayerScale or ReZero alpha
  constant_fraction_n INTEGER,   -- samples
  constant_fraction REAL,        -- 1 - Var(F)/E|F|^2: 1 when F is the same for every sample
  dead_fraction_n INTEGER,       -- samples
  dead_fraction REAL,            -- share of samples with F = 0
  absorbed_fraction_n INTEGER,   -- elements with F other than 0
  absorbed_fraction REAL,        -- share of those for which x + F rounds to x
  PRIMARY KEY (run_id, attempt_id, rank, step, block_id),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;
INSERT INTO block_statistics VALUES(1,1,0,0,1,64,1,0,1,0,63,0.25,0.5,0.75,1.0,60,-3.0,1.5,'{"60":60,"96":3,"99":1}',63,0.25,0.5,0.75,1.25,60,-2.5,2.0,63,-0.125,0.5,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,4096,1.5,0,NULL,0,NULL,NULL,0,NULL,NULL,64,0.0078125,0.0010000000000000000208,-0.0010000000000000000208,NULL,12.5,0.75,NULL,NULL,0,NULL,0,NULL,0,NULL);
INSERT INTO block_statistics VALUES(1,1,0,0,2,64,1,0,0,64,0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,0,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,NULL,0,NULL);
INSERT INTO block_statistics VALUES(1,1,0,10,1,64,1,0,1,0,63,0.0625,0.125,0.1875,0.25,60,-3.0,1.5,'{"60":60,"96":3,"99":1}',63,0.0625,0.125,0.1875,0.3125,60,-2.5,2.0,63,-0.125,0.5,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,4096,1.5,0,NULL,0,NULL,NULL,0,NULL,NULL,64,0.0078125,0.0010000000000000000208,-0.0010000000000000000208,NULL,12.5,0.75,NULL,NULL,0,NULL,0,NULL,0,NULL);
INSERT INTO block_statistics VALUES(1,1,0,10,2,64,1,0,0,64,0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,0,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,NULL,0,NULL);
INSERT INTO block_statistics VALUES(1,1,0,20,1,64,1,0,1,0,63,0.03125,0.0625,0.09375,0.125,60,-3.0,1.5,'{"60":60,"96":3,"99":1}',63,0.03125,0.0625,0.09375,0.15625,60,-2.5,2.0,63,-0.125,0.5,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,4096,1.5,0,NULL,0,NULL,NULL,0,NULL,NULL,64,0.0078125,0.0010000000000000000208,-0.0010000000000000000208,NULL,12.5,0.75,NULL,NULL,0,NULL,0,NULL,0,NULL);
INSERT INTO block_statistics VALUES(1,1,0,20,2,64,1,0,0,64,0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,0,NULL,0,NULL,NULL,0,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,NULL,0,NULL);
CREATE TABLE block_rollup (
  run_id INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  block_id INTEGER NOT NULL REFERENCES block (id),
  span INTEGER NOT NULL CHECK (span IN (64, 512, 4096, 32768, 262144)),  -- steps
  start INTEGER NOT NULL CHECK (start >= 0),  -- first step of the span, a multiple of it
  identity_gap_n INTEGER NOT NULL,   -- records with a median gap
  identity_gap_log_sum REAL NOT NULL,
  identity_gap_min REAL,             -- of the median gap
  identity_gap_max REAL,
  residual_ratio_n INTEGER NOT NULL, -- records with a median ratio
  residual_ratio_log_sum REAL NOT NULL,
  residual_ratio_min REAL,
  residual_ratio_max REAL,
  PRIMARY KEY (run_id, attempt_id, rank, span, block_id, start),
  FOREIGN KEY (run_id, attempt_id, rank) REFERENCES journal (run_id, attempt_id, rank)
) STRICT, WITHOUT ROWID;
INSERT INTO block_rollup VALUES(1,1,0,1,64,0,3,-7.6246189861593975933,0.03125,0.25,3,-7.6246189861593975933,0.03125,0.25);
INSERT INTO block_rollup VALUES(1,1,0,1,512,0,3,-7.6246189861593975933,0.03125,0.25,3,-7.6246189861593975933,0.03125,0.25);
INSERT INTO block_rollup VALUES(1,1,0,1,4096,0,3,-7.6246189861593975933,0.03125,0.25,3,-7.6246189861593975933,0.03125,0.25);
INSERT INTO block_rollup VALUES(1,1,0,1,32768,0,3,-7.6246189861593975933,0.03125,0.25,3,-7.6246189861593975933,0.03125,0.25);
INSERT INTO block_rollup VALUES(1,1,0,1,262144,0,3,-7.6246189861593975933,0.03125,0.25,3,-7.6246189861593975933,0.03125,0.25);
CREATE TABLE verdict (
  block_id INTEGER PRIMARY KEY REFERENCES block (id),
  run_id INTEGER NOT NULL REFERENCES run (id),
  -- what is said; not_applicable: "y = x" cannot be asked of the block, undetermined: see missing
  verdict TEXT NOT NULL CHECK (verdict IN (
    'not_applicable', 'undetermined', 'strict_identity', 'near_identity', 'partial_identity',
    'constant', 'rescale_only', 'low_influence', 'active')),
  origin TEXT CHECK (origin IN ('at_birth', 'collapsed')),  -- with an identity verdict
  since_step INTEGER,            -- first record of the identity
  at_step INTEGER,               -- last step of the window it was judged by
  window_start INTEGER,          -- first step of that window
  records INTEGER NOT NULL,      -- records in it
  gap REAL,                      -- geometric mean of the median gap over it
  lower REAL,                    -- its lower confidence bound, one-sided
  upper REAL,                    -- its upper confidence bound, one-sided, drift included
  confidence REAL,               -- 1 - adjusted p over all blocks, with an identity verdict
  share REAL,                    -- of the window's samples with a gap surely below twice epsilon
  missing TEXT,                  -- what an undetermined verdict lacks, in words
  settings TEXT NOT NULL  -- epsilon and the rest, as JSON
, constant_fraction REAL, constant_lower REAL, perpendicular_ratio REAL, perpendicular_upper REAL, loss_change REAL, loss_change_lower REAL, loss_change_upper REAL, confirmation TEXT
  CHECK (confirmation IN ('confirmed', 'contradicted', 'open'))) STRICT, WITHOUT ROWID;
INSERT INTO verdict VALUES(1,1,'undetermined',NULL,NULL,20,0,3,NULL,NULL,NULL,NULL,1.0,'17 more records after warm-up and the last phase change (3 of 20)','{"confidence":0.95,"constant_fraction":0.95,"epsilon":0.05,"minimum_records":20,"minimum_samples":52,"spread_share":0.95,"strict_epsilon":0.01,"tolerance":null,"window_share":0.2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO verdict VALUES(2,1,'not_applicable',NULL,NULL,20,0,0,NULL,NULL,NULL,NULL,NULL,NULL,'{"confidence":0.95,"constant_fraction":0.95,"epsilon":0.05,"minimum_records":20,"minimum_samples":52,"spread_share":0.95,"strict_epsilon":0.01,"tolerance":null,"window_share":0.2}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO finding VALUES(1,1,'non_finite_samples',2,NULL,0,0,1750000000.0,NULL);
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
INSERT INTO examination VALUES(1,1,1,0,'404142434445464748494a4b4c4d4e4f',100,64,2,0.5,0.125,0.94999999999999995559);
INSERT INTO examination VALUES(2,1,1,0,'505152535455565758595a5b5c5d5e5f',0,64,1,2.25,NULL,0.9000000000000000222);
INSERT INTO examination VALUES(3,1,1,0,'606162636465666768696a6b6c6d6e6f',199,2,1,0.0,0.0,0.94999999999999995559);
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
INSERT INTO ablation VALUES(1,'[0,1]',NULL,1750000201.0,64,-0.5,0.75,0,-0.625,-0.375,-0.5,-0.5,0.0,-0.015625,0.015625,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO ablation VALUES(1,'[0]',1,1750000200.0,64,0.25,1.5,0,0.125,0.375,0.28125,0.21875,0.0625,0.03125,0.09375,63,0.0625,0.125,0.1875,0.25,60,-3.0,1.5);
INSERT INTO ablation VALUES(2,'[1]',2,1750000001.0,60,3.0,12.0,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO ablation VALUES(3,'[1]',2,1750000400.0,2,0.0,0.0,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX run_by_name ON run (name, started_at);
CREATE INDEX verdict_by_run ON verdict (run_id, verdict);
CREATE VIEW run_step AS
SELECT
  f.run_id,
  f.step,
  f.attempt_id,
  count(*) AS ranks,             -- processes that sent this step
  avg(f.loss) AS loss,
  max(f.loss_is_nan) AS loss_is_nan,  -- on any rank
  max(f.learning_rate) AS learning_rate,
  max(f.loss_scale) AS loss_scale,
  max(f.skipped) AS skipped,
  max(f.wall_time) AS wall_time,
  max(f.recorder_seconds) AS recorder_seconds,  -- of the slowest rank
  sum(f.dropped_frames) AS dropped_frames
FROM attempt AS a
CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: in this order the key of frame is used whole
CROSS JOIN frame AS f ON f.run_id = a.run_id AND f.attempt_id = a.id AND f.rank = j.rank
WHERE +f.step >= a.first_step AND (a.superseded_from IS NULL OR +f.step < a.superseded_from)
GROUP BY f.run_id, f.step
;
CREATE VIEW block_step AS
SELECT
  s.run_id,
  s.step,
  s.block_id,
  b.ordinal,
  b.name,
  s.attempt_id,
  count(*) AS ranks,
  count(*) > 1 AS percentiles_approximate,
  sum(s.samples) AS samples,
  sum(s.dropped) AS dropped,
  sum(s.undefined) AS undefined,
  sum(s.non_finite) AS non_finite,
  sum(s.identity_gap_n) AS identity_gap_n,
  sum(s.identity_gap_p50 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p50,
  sum(s.identity_gap_p90 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p90,
  sum(s.identity_gap_p99 * s.identity_gap_n) / sum(s.identity_gap_n) AS identity_gap_p99,
  max(s.identity_gap_max) AS identity_gap_max,
  sum(s.identity_gap_log_mean * s.identity_gap_log_n) / sum(s.identity_gap_log_n) AS identity_gap_log_mean,
  sum(s.residual_ratio_n) AS residual_ratio_n,
  sum(s.residual_ratio_p50 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p50,
  sum(s.residual_ratio_p90 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p90,
  sum(s.residual_ratio_p99 * s.residual_ratio_n) / sum(s.residual_ratio_n) AS residual_ratio_p99,
  max(s.residual_ratio_max) AS residual_ratio_max,
  sum(s.residual_ratio_log_mean * s.residual_ratio_log_n) / sum(s.residual_ratio_log_n) AS residual_ratio_log_mean,
  sum(s.cosine_mean * s.cosine_n) / sum(s.cosine_n) AS cosine_mean,
  sum(s.perpendicular_ratio_mean * s.perpendicular_ratio_n) / sum(s.perpendicular_ratio_n) AS perpendicular_ratio_mean,
  sum(s.angular_distance_mean * s.angular_distance_n) / sum(s.angular_distance_n) AS angular_distance_mean,
  sum(s.block_influence_mean * s.block_influence_n) / sum(s.block_influence_n) AS block_influence_mean,
  sum(s.stream_rms * s.stream_rms_n) / sum(s.stream_rms_n) AS stream_rms,
  sum(s.branch_rms * s.branch_rms_n) / sum(s.branch_rms_n) AS branch_rms,
  sum(s.output_grad_norm_mean * s.output_grad_norm_n) / sum(s.output_grad_norm_n) AS output_grad_norm_mean,
  sum(s.branch_gain_mean * s.branch_gain_n) / sum(s.branch_gain_n) AS branch_gain_mean,
  sum(s.taylor_importance_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_importance_mean,
  sum(s.taylor_signed_mean * s.taylor_importance_n) / sum(s.taylor_importance_n) AS taylor_signed_mean,
  max(s.gate_gradient) FILTER (WHERE s.rank = 0) AS gate_gradient,
  max(s.weight_norm) FILTER (WHERE s.rank = 0) AS weight_norm,
  max(s.gradient_norm) FILTER (WHERE s.rank = 0) AS gradient_norm,
  max(s.update_ratio) FILTER (WHERE s.rank = 0) AS update_ratio,
  max(s.gate_rms) FILTER (WHERE s.rank = 0) AS gate_rms,
  sum(s.constant_fraction * s.constant_fraction_n) / sum(s.constant_fraction_n) AS constant_fraction,
  sum(s.dead_fraction * s.dead_fraction_n) / sum(s.dead_fraction_n) AS dead_fraction,
  sum(s.absorbed_fraction * s.absorbed_fraction_n) / sum(s.absorbed_fraction_n) AS absorbed_fraction
FROM attempt AS a
CROSS JOIN journal AS j ON j.attempt_id = a.id   -- CROSS: as in run_step
CROSS JOIN block_statistics AS s
  ON s.run_id = a.run_id AND s.attempt_id = a.id AND s.rank = j.rank
CROSS JOIN block AS b ON b.id = s.block_id
WHERE +s.step >= a.first_step AND (a.superseded_from IS NULL OR +s.step < a.superseded_from)
GROUP BY s.run_id, s.step, s.block_id
;
CREATE VIEW metric_step AS
SELECT m.run_id, m.step, m.rank, m.key, m.value, m.attempt_id
FROM attempt AS a
CROSS JOIN metric AS m ON m.run_id = a.run_id AND m.attempt_id = a.id
WHERE m.step >= a.first_step AND (a.superseded_from IS NULL OR m.step < a.superseded_from);
CREATE VIEW run_summary AS
SELECT
  r.id AS run_id,
  r.name,
  r.project,
  r.status,
  datetime(r.started_at, 'unixepoch') AS started,   -- UTC
  datetime(r.last_seen_at, 'unixepoch') AS last_seen,
  (SELECT count(*) FROM attempt AS a WHERE a.run_id = r.id) AS attempts,
  (SELECT count(*) FROM block AS b WHERE b.run_id = r.id) AS blocks,
  (SELECT count(*) FROM run_step AS s WHERE s.run_id = r.id) AS frames,
  (SELECT max(s.step) FROM run_step AS s WHERE s.run_id = r.id) AS last_step,
  (SELECT s.loss FROM run_step AS s WHERE s.run_id = r.id AND s.loss IS NOT NULL
    ORDER BY s.step DESC LIMIT 1) AS loss,           -- the last one logged
  (SELECT count(*) FROM verdict AS v WHERE v.run_id = r.id
    AND v.verdict IN ('strict_identity', 'near_identity')) AS identity_blocks,
  (SELECT sum(j.dropped_frames) FROM journal AS j WHERE j.run_id = r.id) AS dropped_frames,
  (SELECT sum(j.rejected_records) FROM journal AS j WHERE j.run_id = r.id) AS rejected_records
FROM run AS r
;
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
COMMIT;
